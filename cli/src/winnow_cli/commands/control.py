"""`winnow control`: the unbiased sample, and with labels what the rules miss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from selector.domain.estimators import Estimate
    from winnow_cli.control.sample import Sample


def control(
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV or JSON lines with frame_id, relevant and, if need be, camera_id."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """How many frames were kept by chance, and what the rules said of them; with labels, how much the rules miss.

    Of all recorded verdicts, by camera. Rates have their 95 % interval (Wilson). Reads ledger and topics, changes
    nothing.

    Examples: winnow control; winnow control --labels labelled.csv --json
    """
    from rich.console import Console

    from ledger.settings import ReaderSettings
    from winnow.settings import load
    from winnow_cli.connection import environment
    from winnow_cli.control.labels import read_labels
    from winnow_cli.control.sample import read_samples

    known = read_labels(labels) if labels is not None else {}
    environment()
    found, unmatched = read_samples(load(ReaderSettings), known)
    if as_json:
        print(json.dumps({"cameras": [_plain(one) for one in found], "labels_of_no_control_frame": unmatched}))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(_sample_table(found))
    if labels is not None:
        console.print(_miss_table(found))
    if unmatched:
        console.print(f"{unmatched:,} labels are of no recorded control frame, and say nothing here", style="dim")


def _sample_table(found: list[Sample]) -> Table:
    from rich.text import Text

    table = _table("camera", "every s", "judged", "control", "rate (95 %)", "the rules said")
    for one in found:
        said = ", ".join(f"{reason} {number:,}" for reason, number in sorted(one.said.items()))
        row = (f"{one.control_every_s:g}", f"{one.judged:,}", f"{one.control:,}", _percent(one.rate), said)
        table.add_row(Text(one.camera_id), *row)
    return table


def _miss_table(found: list[Sample]) -> Table:
    from rich.text import Text

    table = _table("camera", "every s", "rate", "labelled", "of them (95 %)")
    for one in found:
        if (rates := one.rates) is None:
            continue
        rows = [("relevant frames that the rules missed", rates.missed)]
        rows += [(f"relevant of {reason}", rate) for reason, rate in rates.relevant_by_reason.items()]
        rows.append(("relevant of all frames", rates.relevant))
        for number, (name, rate) in enumerate(rows):
            first = (Text(one.camera_id), f"{one.control_every_s:g}") if number == 0 else ("", "")
            table.add_row(*first, name, f"{rate.frames:,}", _percent(rate))
    return table


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name in ("camera", "rate", "the rules said") else "right")
    return table


def _percent(rate: Estimate) -> str:
    return f"{rate.rate:.2%} ({rate.low:.2%}-{rate.high:.2%})" if rate.frames else "-"


def _plain(one: Sample) -> dict[str, Any]:
    rates = one.rates
    return {
        "camera_id": one.camera_id,
        "control_every_s": one.control_every_s,
        "judged": one.judged,
        "control": one.control,
        "first": one.first,
        "control_rate": one.rate._asdict(),
        "rules_said": dict(sorted(one.said.items())),
        "labelled": len(one.labelled),
        "miss_rate": rates.missed._asdict() if rates else None,
        "relevant_by_reason": {name: rate._asdict() for name, rate in rates.relevant_by_reason.items()}
        if rates
        else {},
        "relevant": rates.relevant._asdict() if rates else None,
    }

"""`winnow simulate`: a day of made-up cameras through the real decision."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from rich.table import Table

    from winnow_cli.simulation.day import CameraResult

FIRST = (12.0, 12.0)
"""kept_per_hour and burst where no policy is given: few enough that most of the cameras hold as many."""

TOLERANCE = 0.02


def simulate(
    *,
    cameras: Annotated[int, typer.Option(min=1, help="How many; eight kinds of them in turn.")] = 8,
    interval_s: Annotated[float, typer.Option(min=0.1, help="Seconds from frame to frame.")] = 5.0,
    policy: Annotated[
        Path | None, typer.Option(help="YAML or JSON with fields of a policy; else kept_per_hour and burst are 12.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another day.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="PNG of the days: thresholds, kept frames, visits.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """What a policy keeps in a day of simulated cameras, noon to noon; no servers.

    Exit 1 if a camera that sees as many different frames as its budget has kept over 2 % more or less.

    Example: winnow simulate --policy yard.yaml --plot day.png
    """
    from rich.console import Console
    from rich.progress import track

    from winnow_cli.offline.policy import policy_book
    from winnow_cli.simulation.run import run

    book = policy_book(policy, FIRST)
    told = Console(stderr=True, highlight=False)
    began = time.monotonic()
    found = dict(
        track(
            run(cameras, book.in_force("simulated"), interval_s=interval_s, seed=seed),
            description="camera days",
            total=cameras,
            console=told,
            transient=True,
            disable=not told.is_terminal,
        )
    )
    results = [found[number] for number in sorted(found)]
    seconds = time.monotonic() - began
    Console(highlight=False).print(_table(results))
    frames = sum(result.frames for result in results)
    if not all(result.held for result in results):
        told.print(
            "fewer: the camera saw fewer different frames than the budget asks for, which is no fault", style="dim"
        )
    told.print(f"{frames:,} frames decided in {seconds:.1f} s; seed {seed}", style="dim")
    if plot is not None:
        from winnow_cli.simulation.plot import draw

        draw(results, plot)
        told.print(f"plot: {plot}", style="dim")
    holds = all(_holds(result) for result in results)
    if as_json:
        print(json.dumps({"holds": holds, "seed": seed, "cameras": [_plain(result) for result in results]}))
    sys.stdout.flush()
    if not holds:
        raise typer.Exit(FAILED)


def _holds(result: CameraResult) -> bool:
    over = result.deviation > TOLERANCE
    return not over and (abs(result.deviation) <= TOLERANCE or not result.held)


def _table(results: list[CameraResult]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("camera", no_wrap=True)
    columns = ("frames", "new", "kept", "control", "novel", "heartbeat", "budget", "off by", "visits", "missed")
    for column in columns:
        table.add_column(column, justify="right")
    for result in results:
        deviation = Text(f"{result.deviation:+.1%}", style="" if _holds(result) else "red")
        if not result.held:
            deviation = Text("fewer", style="dim")
        table.add_row(
            result.camera_id,
            f"{result.frames:,}",
            f"{result.new:,}",
            f"{result.by_rules:,}",
            *(f"{result.reasons[reason]:,}" for reason in ("control", "novel", "heartbeat")),
            f"{result.budget:,.0f}",
            deviation,
            f"{result.visits:,}",
            f"{result.visits - result.caught:,}",
        )
    return table


def _plain(result: CameraResult) -> dict[str, Any]:
    return {
        "camera_id": result.camera_id,
        "frames": result.frames,
        "new": result.new,
        "kept": result.by_rules,
        **{reason: result.reasons[reason] for reason in ("control", "novel", "heartbeat")},
        "budget": result.budget,
        "deviation": round(result.deviation, 5),
        "holds_as_many": result.held,
        "visits": result.visits,
        "caught": result.caught,
        "missed": result.visits - result.caught,
    }

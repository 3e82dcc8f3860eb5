"""A replay as tables and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from winnow_cli.replay.comparison import CameraComparison
from winnow_cli.replay.difference import Difference
from winnow_cli.replay.run import Done
from winnow_cli.replay.whatif import KeptRow, kept_rows


def equal(done: Sequence[Done]) -> bool:
    """Whether every verdict was replayed and is the live one, and so is the state."""
    return whole(done) and all(camera.equal for one in done for camera in one.compared.values())


def whole(done: Sequence[Done]) -> bool:
    """Whether every partition was gone through to its end."""
    return not any(one.walk.stopped for one in done)


def show_comparison(done: Sequence[Done], console: Console) -> None:
    """Cameras, those that differ with where and how, and what was not replayed."""
    table = _table("camera", "partition", "verdicts", "different", "state")
    for one in done:
        for camera_id, camera in sorted(one.compared.items()):
            table.add_row(
                Text(camera_id),
                str(one.walk.partition),
                f"{camera.frames:,}",
                Text(f"{camera.different:,}", style="red" if camera.different else ""),
                Text(_state(camera), style="red" if camera.state is not None else ""),
            )
    if table.row_count:
        console.print(table)
    for one in done:
        for camera_id, camera in sorted(one.compared.items()):
            where = f"{camera_id}, partition {one.walk.partition}"
            if camera.first is not None:
                _tell(console, f"{where}, offset {camera.first_at}", camera.first)
            if camera.state is not None:
                _tell(console, f"{where}, state at the cursor {one.walk.cursor}", camera.state)
    show_walks(done, console)
    frames = sum(camera.frames for one in done for camera in one.compared.values())
    if equal(done):
        console.print(f"[green]equal[/]: {frames:,} decisions and the state of {table.row_count} cameras")
    else:
        console.print("[red]not equal[/], or not to the end" if not whole(done) else "[red]not equal[/]")


def show_kept(done: Sequence[Done], name: str, console: Console) -> None:
    """What was kept live and what the policy of the file would have kept."""
    table = _table("camera", "reason", "kept live", f"kept under {name}", "both", "only live", f"only {name}")
    rows = _kept(done)
    for camera_id, group in _by_camera(rows).items():
        for number, row in enumerate(group):
            table.add_row(Text(camera_id if number == 0 else ""), row.reason, *(f"{n:,}" for n in row[2:]))
    if len(rows) > 1:
        table.add_section()
        table.add_row("all", "", *(f"{sum(values):,}" for values in zip(*(row[2:] for row in rows), strict=True)))
    console.print(table)
    frames = sum(sum(pairs.values()) for one in done for pairs in one.pairs.values())
    console.print(f"of {frames:,} frames; what both kept stands in the row of its live reason", style="dim")
    show_walks(done, console)


def show_walks(done: Sequence[Done], console: Console) -> None:
    """What was not decided again, and how far the ledger's files reach."""
    refused: Counter[str] = sum((one.as_recorded for one in done), Counter())
    if refused:
        told = ", ".join(f"{reason} {number:,}" for reason, number in sorted(refused.items()))
        console.print(f"no frame to decide on, as recorded: {told}", style="dim")
    for one in done:
        walk = one.walk
        if walk.expired:
            console.print(f"partition {walk.partition}: {walk.expired:,} offsets expired unjudged", style="dim")
        if walk.pending:
            reach = "none yet" if walk.last_written is None else f"up to offset {walk.last_written}"
            console.print(
                f"partition {walk.partition}: {walk.pending:,} verdicts came from the topic; the ledger's files have "
                f"{reach}",
                style="dim",
            )
        if walk.stopped:
            console.print(Text(f"partition {walk.partition} cannot be replayed: {walk.stopped}", style="red"))


def comparison_json(done: Sequence[Done]) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "equal": equal(done),
        "verdicts": sum(one.walk.verdicts for one in done),
        "different": sum(camera.different for one in done for camera in one.compared.values()),
        "as_recorded": dict(sum((one.as_recorded for one in done), Counter())),
        "cameras": [
            {
                "camera_id": camera_id,
                "partition": one.walk.partition,
                "verdicts": camera.frames,
                "different": camera.different,
                "first_difference": _difference(camera.first, offset=camera.first_at),
                "state": _state(camera),
                "state_difference": _difference(camera.state),
            }
            for one in done
            for camera_id, camera in sorted(one.compared.items())
        ],
        "partitions": _walks(done),
    }


def kept_json(done: Sequence[Done]) -> dict[str, Any]:
    """What another policy would have kept as plain values."""
    return {
        "whole": whole(done),
        "verdicts": sum(one.walk.verdicts for one in done),
        "kept": [row._asdict() for row in _kept(done)],
        "changes": [
            {"camera_id": camera_id, "live": "/".join(pair.live), "other": "/".join(pair.other), "frames": number}
            for one in done
            for camera_id, pairs in sorted(one.pairs.items())
            for pair, number in sorted(pairs.items())
            if pair.live != pair.other
        ],
        "as_recorded": dict(sum((one.as_recorded for one in done), Counter())),
        "partitions": _walks(done),
    }


def _walks(done: Sequence[Done]) -> list[dict[str, Any]]:
    names = ("partition", "start", "end", "cursor", "verdicts", "pending", "last_written", "expired", "stopped")
    return [{name: getattr(one.walk, name) for name in names} for one in done]


def _kept(done: Sequence[Done]) -> list[KeptRow]:
    return [
        row for one in done for camera_id, pairs in sorted(one.pairs.items()) for row in kept_rows(camera_id, pairs)
    ]


def _by_camera(rows: Sequence[KeptRow]) -> dict[str, list[KeptRow]]:
    found: dict[str, list[KeptRow]] = {}
    for row in rows:
        found.setdefault(row.camera_id, []).append(row)
    return found


def _state(camera: CameraComparison) -> str:
    if camera.state is not None:
        return "different"
    return "equal" if camera.state_compared else "not compared"


def _difference(found: Difference | None, **where: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**where, "field": found.field, "live": found.live, "replayed": found.replayed}


def _tell(console: Console, where: str, found: Difference) -> None:
    console.print(Text(f"{where}: {found.field} was {found.live} live, is {found.replayed} replayed", style="red"))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(Text(name), justify="left" if name in ("reason", "state") else "right")
    return table

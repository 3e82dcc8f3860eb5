"""What a person sees of a demo: a live table, and the summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from winnow_cli.demo.compare import Comparison
from winnow_cli.demo.watch import CameraTally

if TYPE_CHECKING:
    from winnow_cli.demo.run import Demo

QUALITY = ("frozen_feed", "tampered", "dark", "over_exposed", "blurred", "obscured")
REASONS = ("near_duplicate", "identical_bytes", "over_budget", *QUALITY, "redelivered", "unreadable")
EVENTS_SHOWN = 6


def live(published: dict[str, int], tallies: dict[str, CameraTally], seconds: float) -> RenderableType:
    """The table of the cameras as they are now."""
    reasons = [reason for reason in REASONS if any(tally.others[reason] for tally in tallies.values())]
    cameras = list(dict.fromkeys([*published, *tallies]))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(cameras) > 1)
    rows = [_row(tallies.get(camera) or CameraTally(), published.get(camera, 0), reasons) for camera in cameras]
    totals = [sum(column) for column in zip(*rows, strict=True)] or [0] * (4 + len(reasons))
    table.add_column("camera", footer="all")
    names = ("frames in", "judged", "kept", "of them control", *(reason.replace("_", " ") for reason in reasons))
    for name, total in zip(names, totals, strict=True):
        style = {"kept": "bold green", "frames in": "", "judged": ""}.get(name, "dim")
        table.add_column(name, footer=f"{total:,}", justify="right", style=style, footer_style=style)
    for camera, row in zip(cameras, rows, strict=True):
        table.add_row(camera, *(f"{number:,}" for number in row))
    minutes, rest = divmod(int(seconds), 60)
    title = Text.assemble(("cameras", "bold"), f"  {minutes}:{rest:02} since the command", style="")
    return Group(Text(), title, table)


def summary(done: Demo, folder: Path, *, kept_running: bool) -> RenderableType:
    """The balance, what was caught, and where to look next."""
    parts: list[RenderableType] = [_balance(done.result, holds=done.holds)]
    if done.comparisons:
        parts.append(_comparison_table(done.comparisons))
    parts.append(_next_steps(folder, done.example, kept_running=kept_running))
    return Group(*parts)


def _row(tally: CameraTally, published: int, reasons: list[str]) -> list[int]:
    # What is judged has come in, also where ingest ended before it was asked for its count again.
    came_in = max(published, tally.verdicts)
    return [came_in, tally.verdicts, tally.kept, tally.control, *(tally.others[reason] for reason in reasons)]


def _balance(result: dict[str, Any], *, holds: bool) -> RenderableType:
    title = (
        ("Every frame is accounted for.", "bold green") if holds else ("NOT every frame is accounted for.", "bold red")
    )
    rejected = sum(result["rejected"].values())
    equations = Table.grid(padding=(0, 1))
    equations.add_column(justify="right", style="bold")
    for whole, *parts in (
        ("frames", "verdicts", "expired", "lost"),
        ("verdicts", "kept", "rejected", "unreadable", "redelivered"),
        ("kept", "stored", "in_flight", "dead_letters"),
    ):
        numbers = {**result, "rejected": rejected}
        sum_of = " + ".join(f"{numbers[part]:,} {part.replace('_', ' ')}" for part in parts)
        equations.add_row(f"{numbers[whole]:,}", whole, f"= {sum_of}")
    reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in result["rejected"].items())
    first = result["first_kept_s"]
    notes = (
        f"{result['control']:,} of the kept frames are the control share, taken whatever they show.",
        f"Rejected as: {reasons}." if reasons else "",
        f"{result['seconds']:.0f} s in all" + (f"; the first frame was kept after {first:.1f} s." if first else "."),
    )
    text = Text("\n".join(filter(None, notes)), style="dim")
    return Group(Text(), Text(*title), Text(), Padding(equations, (0, 2)), Text(), Padding(text, (0, 2)))


def _comparison_table(comparisons: list[Comparison]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("camera")
    table.add_column("events, at frames", style="dim")
    for column in ("events caught", "evenly", "frames showing one", "evenly"):
        table.add_column(column, justify="right")
    for one in comparisons:
        spans = [f"{first}-{last}" for first, last in one.events]
        hidden = len(spans) - EVENTS_SHOWN
        shown = ", ".join(spans[:EVENTS_SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")
        style = "bold green" if one.caught == len(one.events) else "bold yellow"
        table.add_row(
            one.camera_id,
            shown,
            Text(f"{one.caught} of {len(one.events)}", style),
            f"{one.uniform_mean:.1f} ({one.uniform_least} to {one.uniform_most})",
            Text(f"{one.showing} of {one.kept}", "bold"),
            f"{one.uniform_showing_mean:.1f}",
        )
    note = (
        "Without the control share. Events: the truth of a rendered scene, the moving foreground of a video (OpenCV's "
        "MOG2 on every frame). Evenly: what as many frames at equal distances would have given, the mean over "
        f"{comparisons[0].offsets} offsets (least to most)."
    )
    title = Text("What the kept frames caught", "bold")
    return Group(Text(), title, table, Padding(Text(note, style="dim"), (0, 2)))


def _next_steps(folder: Path, example: str | None, *, kept_running: bool) -> RenderableType:
    steps = Table.grid(padding=(0, 2))
    steps.add_column(style="bold")
    if kept_running:
        title = "It keeps running. Next:"
        steps.add_row("winnow status --cameras", "the cameras as the ledger sees them")
        steps.add_row("winnow balance", "the proof, at any moment")
        steps.add_row(f"winnow trace {example or 'FRAME_ID'}", "the story of a kept frame")
        steps.add_row("winnow publish VIDEO --camera NAME", "frames of your own")
        steps.add_row("winnow down", "ends it")
    else:
        title = f"Data and logs stay in {folder} until the next demo. Next:"
        steps.add_row("winnow demo --video FILE", "your own footage as a camera")
        steps.add_row("winnow demo --keep", "leaves it running for balance, trace, publish and status")
        steps.add_row("winnow up", "an installation that keeps its data")
    return Group(Text(), Text(title), Padding(steps, (0, 2)), Text())

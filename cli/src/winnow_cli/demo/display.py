"""What a person sees of a demo: a live table, and the summary."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from winnow_cli.demo.compare import Comparison
from winnow_cli.demo.watch import CameraTally

REASONS = ("near_duplicate", "identical_bytes", "over_budget", "redelivered", "unreadable")


def live(published: dict[str, int], tallies: dict[str, CameraTally], seconds: float) -> RenderableType:
    """The table of the cameras as they are now."""
    table = Table(title=f"cameras, {seconds:.0f} s", title_justify="left")
    table.add_column("camera")
    for column in ("frames in", "verdicts", "kept", "control"):
        table.add_column(column, justify="right")
    seen = [reason for reason in REASONS if any(t.others[reason] for t in tallies.values())]
    for reason in seen:
        table.add_column(reason.replace("_", " "), justify="right", style="dim")
    for camera_id in dict.fromkeys([*published, *tallies]):
        tally = tallies.get(camera_id) or CameraTally()
        table.add_row(
            camera_id,
            str(published.get(camera_id, "")),
            str(tally.verdicts),
            f"[green]{tally.kept}[/]",
            str(tally.control),
            *(str(tally.others[reason]) for reason in seen),
        )
    return table


def summary(result: dict[str, Any], comparisons: list[Comparison], *, kept_running: bool) -> RenderableType:
    """The balance, what was caught, and where to look next."""
    balance = Table(
        title="every frame accounted for" if result["balanced"] else "[red]NOT balanced[/]", show_header=False
    )
    balance.title_justify = "left"
    rejected = ", ".join(f"{reason} {count}" for reason, count in result["rejected"].items()) or "none"
    balance.add_row(
        "frames",
        f"{result['frames']} = {result['verdicts']} verdicts + {result['expired']} expired + {result['lost']} lost",
    )
    balance.add_row(
        "verdicts",
        f"{result['kept']} kept ({result['control']} of them control) + {sum(result['rejected'].values())} rejected "
        f"({rejected}) + {result['unreadable']} unreadable + {result['redelivered']} redelivered",
    )
    balance.add_row(
        "kept",
        f"{result['stored']} stored + {result['in_flight']} in flight + {result['dead_letters']} dead letters",
    )
    balance.add_row(
        "time", f"{result['seconds']:.1f} s, first kept frame after {result['first_kept_s'] or float('nan'):.1f} s"
    )
    parts: list[RenderableType] = [balance]
    if comparisons:
        parts.append(_comparison_table(comparisons))
    parts.append(Text.from_markup(_next_steps(result, kept_running=kept_running)))
    return Group(*parts)


def _comparison_table(comparisons: list[Comparison]) -> Table:
    table = Table(title="events caught by the frames kept (control share not counted)", title_justify="left")
    table.add_column("camera")
    table.add_column("events at frames")
    for column in ("frames kept", "winnow caught", "uniform sampling of as many"):
        table.add_column(column, justify="right")
    for one in comparisons:
        spans = ", ".join(f"{first}-{last}" for first, last in one.events[:8]) + (" …" if len(one.events) > 8 else "")
        table.add_row(
            one.camera_id,
            spans or "none",
            str(one.kept),
            f"[green]{one.caught}[/] of {len(one.events)}",
            f"{one.uniform_mean:.1f} (of {one.offsets} offsets: {one.uniform_least} to {one.uniform_most})",
        )
    table.caption = (
        "events: truth of the rendered scene, or moving foreground of the video (OpenCV's MOG2 on every frame)"
    )
    return table


def _next_steps(result: dict[str, Any], *, kept_running: bool) -> str:
    if not kept_running:
        return (
            "Next: [bold]winnow demo --keep[/] leaves it running; "
            "[bold]winnow up[/], then [bold]winnow publish[/], takes your own camera."
        )
    return (
        "It keeps running. Next: [bold]winnow status --cameras[/], [bold]winnow balance[/], "
        f"[bold]winnow trace {result.get('example') or 'FRAME_ID'}[/], [bold]winnow publish VIDEO --camera NAME[/]; "
        "[bold]winnow down[/] ends it."
    )

"""`winnow trace`: one frame's or image's whole story."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ledger.adapters.trace import Story


def trace(
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="A frame id, an image id, or partition:offset of the frames topic.")
    ],
    camera: Annotated[str | None, typer.Option(help="Only this camera's frames.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Follow a frame from its record to its verdict, with the evidence, and on to its object. Exit 1 if it is unknown.

    Examples: winnow trace yard-0311 --camera yard; winnow trace 3:8121
    """
    from ledger.adapters.trace import trace as follow
    from ledger.settings import ReaderSettings
    from winnow.settings import load
    from winnow_cli.connection import environment

    environment()
    stories = follow(load(ReaderSettings), wanted, camera)
    if as_json:
        print(json.dumps({"id": wanted, "frames": [story.to_json() for story in stories]}, default=_plain))
    for story in [] if as_json else stories:
        _show(story)
    if not stories:
        of_camera = f" of camera {camera}" if camera else ""
        print(
            f"winnow: no verdict on {wanted}{of_camera} is known. It may not be judged yet (`winnow balance` shows how "
            "many are not), or never have been published.",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _show(story: Story) -> None:
    from rich.console import Console
    from rich.table import Table

    verdict = story.verdict
    table = Table(
        title=f"{verdict['camera_id']} / {verdict['frame_id']}",
        title_justify="left",
        show_header=False,
        show_edge=False,
    )
    there = "" if story.frame_there else " (retention has taken it)"
    _row(table, "record", f"{verdict['source_topic']} {story.source}{there}, broker time {verdict['broker_time']}")
    _row(table, "captured", f"{verdict['captured_at']}, event time {verdict['event_time']}")
    detail = f": {verdict['detail']}" if verdict["detail"] else ""
    _row(table, "verdict", f"{verdict['outcome']}, {verdict['reason']}{detail}")
    if verdict["rules"]:
        _row(table, "rules said", f"{verdict['rules']['outcome']}, {verdict['rules']['reason']}")
    if "control" in verdict["flags"]:
        _row(table, "control", _control(verdict))
    _row(table, "flags, block", f"{', '.join(verdict['flags']) or 'none'}; {verdict['block']}")
    _row(table, "signals", _numbers(verdict["signals"]))
    _row(table, "thresholds", _numbers(verdict["thresholds"]))
    if verdict["nearest"]:
        _row(table, "nearest", f"{verdict['nearest']['frame_id']}, distance {verdict['nearest']['distance']:.3g}")
    versions = (verdict[f"{name}_version"] for name in ("policy", "camera", "policies"))
    _row(table, "policy, camera", "version {}, version {}; newest policy of all {}".format(*versions))
    _row(table, "effort", verdict["effort"])
    file = "not yet: the verdict is in the topic" if story.pending else story.ledger_file or "no file holds it"
    _row(table, "ledger", f"verdict {verdict['verdict_partition']}:{verdict['verdict_offset']}, {file}")
    if story.stored:
        size = f"{story.stored['size_bytes']} bytes, {story.stored['width']}x{story.stored['height']}"
        _row(table, "image", f"{story.stored['image_id']} ({size}, {story.stored['image_block']})")
        state = "there" if story.object_there else "NOT THERE"
        _row(table, "object", f"{story.stored['bucket']}/{story.stored['key']}: {state}")
    elif verdict["outcome"] == "kept":
        _row(table, "object", "not stored yet, or a dead letter: `winnow dlq list`")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print()


def _control(verdict: dict[str, Any]) -> str:
    """Its weight, and the chance that it had to be drawn, by which the estimators count it."""
    from selector.domain.estimators import inclusion
    from winnow.clock import to_ms

    weight_s = verdict["signals"].get("control_weight_s", 0.0)
    every_s = verdict["thresholds"].get("control_every_s")
    if weight_s <= 0.0:
        return "the camera's first frame: no weight"
    weight = f"weight {weight_s:.4g} s since the frame before"
    if every_s is None:
        return weight
    return (
        f"{weight}, inclusion {inclusion(to_ms(verdict['event_time']), weight_s, every_s):.3g}, a slot of {every_s:g} s"
    )


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(values.items())) or "none"


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _row(table: Table, name: str, text: str) -> None:
    """What cameras have sent is shown as it is, never taken for markup."""
    from rich.text import Text

    table.add_row(name, Text(text))

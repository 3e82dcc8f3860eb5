"""`winnow select`: what the selector would keep of a source, without servers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from rich.console import Console

    from ingest.domain.source import Source
    from winnow_cli.offline.html.report import Report
    from winnow_cli.offline.judging import OfflineSelector
    from winnow_cli.offline.report import Summary


def select(
    sources: Annotated[
        list[str], typer.Argument(help="Videos, pictures, folders of pictures, or scene:yard?seed=1&minutes=1.")
    ],
    *,
    camera: Annotated[
        str | None, typer.Option(help="One camera for all sources, in their order; else each is its own, by its name.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="YAML or JSON with fields of a policy; else the first default.")
    ] = (None),
    start: Annotated[str | None, typer.Option(help="Time of the first frame, ISO 8601; UTC without a zone.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write DIR/index.html too: timeline, kept frames, rejected ones beside them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a frame; all else goes to stderr.")] = False,
) -> None:
    """Judge frames as the selector would, with no servers; exit 0 only when every source was read whole.

    Example: `winnow select yard.mp4 --json | jq 'select(.outcome == "kept")'`
    """
    from rich.console import Console

    from winnow_cli.commands.publish import log_to, source_of
    from winnow_cli.offline.html.page import write
    from winnow_cli.offline.html.report import Report
    from winnow_cli.offline.judging import OfflineSelector
    from winnow_cli.offline.policy import policy_book
    from winnow_cli.offline.report import Summary

    cameras = [camera] * len(sources) if camera is not None else _cameras(sources)
    entries = [source_of(name, text, start, 1.0, live=False) for name, text in zip(cameras, sources, strict=True)]
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    log_to(told)
    book = policy_book(policy)
    page = Report(report, sources, book) if report is not None else None
    selector = OfflineSelector(book)
    summary = Summary()
    began, cpu_began = time.monotonic(), _cpu_s()
    try:
        whole = [_judge(selector, entry, summary, page, told, as_json=as_json) for entry in entries]
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough; what Python still holds back must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None
    summary.seconds, summary.cpu_s = time.monotonic() - began, _cpu_s() - cpu_began
    if summary.frames:
        shown = told if as_json else Console(highlight=False, soft_wrap=True)
        shown.print(summary.shown(sources))
        if page is not None:
            shown.print(f" look at {write(page)}", markup=False)
    if not all(whole):
        raise typer.Exit(FAILED)


def _judge(
    selector: OfflineSelector, source: Source, summary: Summary, page: Report | None, told: Console, *, as_json: bool
) -> bool:
    """Whether the source was read whole; what was not taken of it is told."""
    from contextlib import closing

    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from ingest.adapters.doors import NotTaken, SourceFailed
    from winnow.errors import WinnowError

    refused_before, frames_before = summary.refused, summary.frames
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed:,.0f} frames"),
    )
    with (
        Progress(*columns, TimeElapsedColumn(), console=told, transient=True, disable=not told.is_terminal) as progress,
        closing(selector.run(source)) as found,  # type: ignore[type-var]
    ):
        task = progress.add_task(source.source, total=None)
        try:
            for one in found:
                if isinstance(one, NotTaken):
                    summary.refused += 1
                    if page is not None:
                        page.refuse(one)
                    told.print(f"not taken: {one.name}: {one.why}", style="yellow", markup=False)
                    continue
                summary.add(one)
                if page is not None:
                    page.add(one)
                progress.advance(task)
                if as_json:
                    print(json.dumps(one.to_json()))
        except (WinnowError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            where = f"{source.source}: " if isinstance(error, SourceFailed) else ""  # else the message names it
            told.print(f"winnow: {where}{error}", style="red", markup=False)
            if page is not None:
                page.fail(f"{where}{error}")
            return False
    if summary.frames == frames_before and summary.refused == refused_before:
        told.print(f"winnow: {source.source}: not one frame", style="red", markup=False)
        return False
    return summary.refused == refused_before


def _cameras(sources: list[str]) -> list[str]:
    """Of each source: the file's name without its ending, the folder's, or the scene's kind; a second one has `-2`."""
    names = []
    seen: Counter[str] = Counter()
    for text in sources:
        path = Path(text).expanduser().absolute()
        scene = text.removeprefix("scene:").partition("?")[0] if text.startswith("scene:") else ""
        name = scene or (path.name if path.is_dir() else path.stem) or "camera"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _cpu_s() -> float:
    """Of this process and the children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system

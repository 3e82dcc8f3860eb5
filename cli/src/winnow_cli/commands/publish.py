"""`winnow publish`: files, folders and scenes as a camera's frames."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import MutableMapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow_cli.failures import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from rich.console import Console

    from ingest.domain.source import Source
    from ingest.playing import Played


COUNTS = ("frames", "published", "refused", "failed", "dropped")

NO_PATH = re.compile(r"(scene|topic|usb):|[a-z0-9]+://", re.IGNORECASE)


def publish(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Videos, pictures, folders of pictures, live cameras (rtsp://…, http://… for MJPEG, usb:/dev/video0), "
            "s3://BUCKET/PREFIX, topic:NAME (its keys are cameras' ids, its values pictures), "
            "or scene:yard?seed=1&minutes=1."
        ),
    ],
    *,
    camera: Annotated[
        str | None, typer.Option(help="The camera's id, of all but topics; several sources follow each other.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Time of the first frame, ISO 8601; UTC without a zone.")] = None,
    interval_s: Annotated[float, typer.Option(help="Between pictures that carry no time of their own.")] = 1.0,
    live: Annotated[bool, typer.Option("--live", help="At the pace of the footage, not as fast as it goes.")] = False,
    fps: Annotated[float | None, typer.Option(help="Of a live camera, at most so many frames a second.")] = None,
    transport: Annotated[str, typer.Option(help="Of RTSP: tcp or udp.")] = "tcp",
    watch: Annotated[
        bool, typer.Option("--watch", help="Of a folder or an S3 prefix: take what is new there, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Send frames to the broker; exit 0 only when it has acknowledged every one.

    A live camera, a topic, and what is watched go on until Ctrl-C.

    Example: `winnow publish yard.mp4 --camera yard-1 --start 2026-05-01T08:00:00Z`

    Example: `winnow publish rtsp://viewer:secret@192.168.1.20/stream1 --camera gate-2 --fps 5`

    Example: `winnow publish /srv/ftp/gate-2 --camera gate-2 --watch`
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    from ingest.app import Ingest
    from ingest.settings import IngestSettings
    from winnow.settings import load
    from winnow_cli.connection import environment
    from winnow_cli.stack import Home

    if camera is None and not all(text.startswith("topic:") for text in sources):
        print("winnow: --camera is missing: whose frames are these?", file=sys.stderr)
        raise typer.Exit(2)
    more = {"fps": fps, "transport": transport, "watch": watch}
    entries = [source_of(camera or "", text, start, interval_s, live=live, **more) for text in sources]
    for entry in entries[:-1]:
        if entry.stream or entry.watch or entry.source.startswith("topic:"):
            print(f"winnow: {entry.name} never ends: what follows it would never begin.", file=sys.stderr)
            raise typer.Exit(2)
    environment()
    os.environ.setdefault("WINNOW_INGEST_STATE_DIR", str(Home.default().run("up").data / "ingest"))
    settings = load(IngestSettings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    log_to(console)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    results: list[Played] = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for entry in entries:
            if stop.is_set():
                break
            task = progress.add_task(entry.name, total=None)

            def show(played: Played, task: TaskID = task) -> None:
                progress.update(task, description=_told(played))

            results += Ingest([entry], settings).run(stop, show)
    for played in results:
        console.print(_told(played), style="" if played.whole else "red", markup=False)
    if as_json:
        totals = {name: sum(getattr(p, name) for p in results) for name in COUNTS}
        errors = [p.error for p in results if p.error]
        print(json.dumps({**totals, "camera": camera, "interrupted": stop.is_set(), "errors": errors}))
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)
    if len(results) < len(entries) or not all(played.whole for played in results):
        raise typer.Exit(FAILED)


def log_to(console: Console) -> None:
    """Ingest's own log as lines for a person: warnings and errors, above the progress."""
    import logging

    import structlog

    def line(_: object, level: str, event: MutableMapping[str, Any]) -> str:
        text = event.pop("event")
        more = ", ".join(f"{name} {value}" for name, value in event.items() if name != "camera")
        return f"{level}: {text}: {more}"

    class Lines:
        def warning(self, text: str) -> None:
            console.print(text, style="yellow", markup=False)

        error = warning

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: Lines(),
        cache_logger_on_first_use=False,
    )


def source_of(camera: str, text: str, start: str | None, interval_s: float, *, live: bool, **more: Any) -> Source:
    from pydantic import ValidationError

    from ingest.domain.source import Source

    try:
        return Source(
            camera=camera,
            source=text if not text or NO_PATH.match(text) else str(Path(text).expanduser()),
            pace="live" if live else "fast",
            start=None if start is None else datetime.fromisoformat(start),
            interval_s=interval_s,
            **more,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{name}: " for name in first["loc"])
        print(f"winnow: {where}{first['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    except ValueError as error:
        print(f"winnow: --start: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def _told(played: Played) -> str:
    text = f"{played.source}: {played.frames} frames, {played.published} published"
    text += f", {played.refused} refused" if played.refused else ""
    text += f", {played.failed} failed" if played.failed else ""
    text += f", {played.dropped} dropped" if played.dropped else ""
    text += f"; {played.state}" if played.state else ""
    text += "; interrupted" if played.interrupted else ""
    return text + (f"; {played.error}" if played.error else "")

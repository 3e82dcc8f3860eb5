"""How a start is shown: bars on a terminal, plain lines elsewhere; always on stderr, which no program reads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from winnow_cli.stack.artifacts import Artifact
    from winnow_cli.stack.home import Home

MIB = 1 << 20
PLAIN_LINE_EVERY_S = 5.0

console = Console(stderr=True, highlight=False)


def show(event: dict[str, Any]) -> None:
    """One line for an event of `Stack.start`."""
    if event["event"] == "phase":
        console.print(event["text"])
    elif event["event"] == "ready":
        console.print(f"  {event['name']} ready after {event['seconds']:.1f} s")


def download(artifacts: list[Artifact], home: Home) -> None:
    """Fetch `artifacts` into the home's cache and show how far it is."""
    from winnow_cli.stack.artifacts import fetch

    total = sum(artifact.size_bytes for artifact in artifacts)
    title = f"fetching the servers: {len(artifacts)} files, {total / MIB:.0f} MiB (once)"
    if not console.is_terminal:
        console.print(title)
        fetch(artifacts, home.cache, _PlainLines(total).arrived)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        fetch(artifacts, home.cache, lambda _artifact, count: progress.advance(task, count))


class _PlainLines:
    """A line every few seconds, for a log or a pipe."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._arrived_bytes = 0
        self._told_at = time.monotonic()
        self._lock = threading.Lock()

    def arrived(self, _artifact: Artifact, count: int) -> None:
        with self._lock:
            self._arrived_bytes += count
            if time.monotonic() - self._told_at < PLAIN_LINE_EVERY_S:
                return
            self._told_at = time.monotonic()
        console.print(f"  {self._arrived_bytes / MIB:.0f} of {self._total_bytes / MIB:.0f} MiB")

"""What a peer's script is given, and what it says: it runs in the peer's own environment, with nothing else of ours."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Task:
    """A folder with `task.json` (names of the images in `images/`, and pairs of them by index) and the answer to it.

    Distances are one a pair, in the peer's own unit, larger = less alike; scores one an image, lower = worse.
    """

    def __init__(self, folder: Path) -> None:
        task = json.loads((folder / "task.json").read_text())
        self.folder = folder
        self.images = folder / "images"
        self.names: list[str] = task["names"]
        self.paths = [str(self.images / name) for name in self.names]
        self.pairs: list[tuple[int, int]] = [(a, b) for a, b in task["pairs"]]
        self._answer: dict[str, Any] = {"startup_s": 0.0, "methods": {}}

    @classmethod
    def from_arguments(cls) -> Task:
        """The task that the command line names; from here on, this process has one core."""
        # Before the peer is imported: libraries make as many threads as they may use cores.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        return cls(Path(sys.argv[1]).resolve())

    @contextmanager
    def startup(self) -> Iterator[None]:
        """Around what is done once, whatever the number of images."""
        began = _cpu_s()
        yield
        self._answer["startup_s"] += _cpu_s() - began

    @contextmanager
    def job(self, method: str) -> Iterator[None]:
        """Around the whole job of a method, from files to hashes or scores."""
        cpu_began, began = _cpu_s(), time.monotonic()
        yield
        self._of(method).update(cpu_s=_cpu_s() - cpu_began, wall_s=time.monotonic() - began)

    def distances(self, method: str, distances: Sequence[float]) -> None:
        self._of(method)["distances"] = [float(value) for value in distances]

    def scores(self, method: str, issue: str, scores: Sequence[float]) -> None:
        self._of(method).setdefault("scores", {})[issue] = [float(value) for value in scores]

    def done(self) -> None:
        """Write the answer."""
        (self.folder / "answer.json").write_text(json.dumps(self._answer))

    def _of(self, method: str) -> dict[str, Any]:
        found: dict[str, Any] = self._answer["methods"].setdefault(method, {})
        return found


def _cpu_s() -> float:
    """Of this process, its threads and the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)

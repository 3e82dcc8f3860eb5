"""Frames from their doors to their verdicts, in order, extracted ahead by threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.adapters.doors import NotTaken, open_door
from ingest.adapters.folder import files_in
from ingest.domain.source import SCENE, Source
from selector.adapters.frames import Extracted, extract_image
from selector.adapters.verdicts import States, judge
from selector.app import warm_up
from selector.domain.extraction import ExtractionLimits
from selector.domain.policy import PolicyBook
from winnow import events
from winnow.codec import to_record
from winnow.errors import Refused, WinnowError
from winnow.events import Frame, Verdict

AHEAD = 4
"""Frames extracted ahead for each thread: enough that none waits, and memory is some frames."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A frame's verdict, and what was judged.

    `source` is the file that the frame came from, `index` its place in the source from 0; `image` its JPEG.
    """

    source: str
    index: int
    verdict: Verdict
    image: bytes

    def to_json(self) -> dict[str, Any]:
        """The frame's evidence as plain values."""
        verdict = to_record(self.verdict)
        nearest = verdict["nearest"] or {"frame_id": None, "distance": None}
        same = ("outcome", "reason", "detail", "rules", "block", "flags", "signals", "thresholds")
        return {
            "source": self.source,
            "index": self.index,
            "camera_id": verdict["camera_id"],
            "frame_id": verdict["frame_id"],
            "captured_at": verdict["captured_at"].isoformat(),
            "event_time": verdict["event_time"].isoformat(),
            **{name: verdict[name] for name in same},
            "nearest": nearest["frame_id"],
            "distance": nearest["distance"],
        }


class OfflineSelector:
    """Judges sources one after the other; a camera's state goes on from one to the next."""

    def __init__(self, book: PolicyBook) -> None:
        warm_up()
        self._book = book
        self._states: States = {}
        self._limits = ExtractionLimits()
        self._threads = len(os.sched_getaffinity(0))

    def run(self, source: Source) -> Iterator[Judged | NotTaken]:
        """Everything that the source holds, in its order. Raises `Refused`, and `SourceFailed` where it breaks off."""
        waiting: deque[tuple[Frame, Future[Extracted]] | NotTaken] = deque()
        places = Places(source)
        failure: WinnowError | None = None
        with ThreadPoolExecutor(self._threads, "extract") as threads, closing(open_door(source)) as door:  # type: ignore[type-var]
            try:
                for number, item in enumerate(door):
                    if number == 0:
                        places.confirm()
                    waiting.append(item if isinstance(item, NotTaken) else (item, threads.submit(self._extract, item)))
                    if len(waiting) > self._threads * AHEAD:
                        yield self._judged(waiting.popleft(), places)
            except WinnowError as error:
                failure = error  # what was read before is judged all the same
            for one in waiting:
                yield self._judged(one, places)
        if failure is not None:
            raise failure

    def _extract(self, frame: Frame) -> Extracted:
        assert isinstance(frame.image, bytes) and frame.frame_id is not None
        return extract_image(frame, frame.frame_id, frame.image, self._limits)

    def _judged(self, waiting: tuple[Frame, Future[Extracted]] | NotTaken, places: Places) -> Judged | NotTaken:
        if isinstance(waiting, NotTaken):
            return waiting
        frame, extracted = waiting
        assert isinstance(frame.image, bytes)
        index = frame.sequence or 0
        file = places.of(index)
        # Without a broker, its time is the camera's.
        source = events.Source(file, 0, index)
        verdict = judge(extracted.result(), source, frame.captured_at, self._states, self._book.in_force)
        return Judged(file, index, verdict, frame.image)


class Places:
    """Which file each frame of a source comes from; made before the source's door is opened."""

    def __init__(self, source: Source) -> None:
        self._source = source.source
        folder = not self._source.startswith(SCENE) and Path(self._source).is_dir()
        self._files = files_in(Path(self._source)) if folder else None

    def confirm(self) -> None:
        """Called after the door has listed the files. Raises `Refused` where they may be others than those known."""
        if self._files is not None and self._files != files_in(Path(self._source)):
            raise Refused(f"{self._source} changed while it was being opened; try again when nothing writes to it")

    def of(self, index: int) -> str:
        return self._source if self._files is None else str(self._files[index])

"""What of a selection goes into its page, gathered while it is made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.adapters.doors import NotTaken
from selector.domain.policy import PolicyBook
from winnow.events import Outcome
from winnow_cli.offline.html import folder
from winnow_cli.offline.html.album import Album
from winnow_cli.offline.html.sample import Sample
from winnow_cli.offline.html.stream import Stream
from winnow_cli.offline.html.words import difference
from winnow_cli.offline.judging import Judged

KEPT_BYTES = 9_000_000
REJECTED_BYTES = 4_000_000
"""Of the JPEGs of a page; as text they are a third larger. The page then has 18 MB and some 60 bytes for each frame."""

REJECTED_SIDE = 360
NAMED = 50
"""Files and unreadable frames of which a page gives name and reason."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was not taken: how many files, and the first of them."""

    count: int
    named: list[NotTaken]


class Report:
    """Gathers what was judged. Memory: pictures as in the page, and each frame's verdict."""

    def __init__(self, path: Path, sources: list[str], book: PolicyBook) -> None:
        """Raises `Refused` where the folder at `path` is not for a page."""
        folder.check(path)
        self.path = path
        self._book = book
        self._kept = Album(KEPT_BYTES)
        rejected = Album(REJECTED_BYTES, REJECTED_SIDE)
        self._samples: dict[str, Sample] = defaultdict(lambda: Sample(rejected))
        self._not_taken: list[NotTaken] = []
        self._refused = 0
        self.sources = sources
        self.streams: dict[str, Stream] = {}
        self.failures: list[str] = []

    @property
    def not_taken(self) -> Refusals:
        return Refusals(self._refused, self._not_taken)

    def add(self, judged: Judged) -> None:
        verdict = replace(judged.verdict, signature=None)
        camera = verdict.camera_id or ""
        stream = self.streams.get(camera)
        if stream is None:
            stream = self.streams[camera] = Stream(camera, self._book.in_force(camera).policy)
        frame = stream.add(judged.source, judged.index, verdict)
        if frame.kept:
            frame.picture = self._kept.add(judged.image)
        elif verdict.outcome is not Outcome.UNREADABLE:
            beside = (camera, frame.beside)
            self._samples[verdict.reason].offer(frame, judged.image, beside=beside, difference=difference(verdict))

    def refuse(self, one: NotTaken) -> None:
        self._refused += 1
        if len(self._not_taken) < NAMED:
            self._not_taken.append(one)

    def fail(self, why: str) -> None:
        """A source was not read whole."""
        self.failures.append(why)

"""Sources that are followed: what is new in a listing becomes frames, once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from ingest.adapters.doors import NotTaken
from ingest.adapters.encode import as_jpeg
from ingest.adapters.folder import natural
from ingest.adapters.journal import Entry, Journal, path_of
from ingest.adapters.s3 import Prefix
from ingest.adapters.watch import WatchedFolder
from ingest.domain.capture_time import whole_ms
from ingest.domain.source import S3, Source
from ingest.settings import IngestSettings
from winnow import metrics
from winnow.errors import DependencyDown, Refused
from winnow.events import Frame
from winnow.identity import frame_id_of_file

log = structlog.get_logger()

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0

LISTING_SHARE = 10
"""So many times as long as a listing took is the least until the next one: a tenth of a core, whatever is there."""

AnswerT = TypeVar("AnswerT")


class Shelf(Protocol):
    """Where pictures lie under names. All but `settled` and `taken_at` raise `DependencyDown`."""

    every_s: float

    def entries(self) -> list[Entry]: ...

    def settled(self, entry: Entry) -> bool: ...

    def read(self, entry: Entry) -> bytes | tuple[str, str] | None: ...

    def taken_at(self, entry: Entry, image: bytes) -> datetime: ...


@dataclass(frozen=True)
class Offered:
    """A frame, and what is to be called when the broker has acknowledged it."""

    frame: Frame
    acknowledged: Callable[[], None]


@dataclass(frozen=True)
class Idle:
    """Nothing to be had for so long."""

    seconds: float


def followed(source: Source) -> bool:
    """Whether it is a source for `Follower`: a folder to be watched, or an S3 prefix."""
    return source.watch or source.source.startswith(S3)


class Follower:
    """What is new, in order of time and name, for ever where the source is to be watched.

    The frames' ids are those of `frame_id_of_file`, the index counting the frames of that camera with the same bytes.
    To be closed when the broker's last answer has come.
    """

    def __init__(self, source: Source, settings: IngestSettings) -> None:
        """Raises `Refused` where it cannot be followed."""
        self._source = source
        if source.source.startswith(S3):
            self._shelf: Shelf = Prefix(source.source, settings)
            name = source.source
        else:
            folder = Path(source.source)
            if not folder.is_dir():
                raise Refused(f"{folder} is not a folder that can be watched")
            self._shelf = WatchedFolder(folder.absolute())
            name = str(folder.resolve())
        path = None
        if source.watch:
            if settings.ingest_state_dir is None:
                raise Refused("WINNOW_INGEST_STATE_DIR is not set: what was taken must be remembered somewhere")
            path = path_of(settings.ingest_state_dir, settings.namespace, source.camera, name)
        self._journal = Journal(path)
        self._told: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        self._journal.close()

    def __iter__(self) -> Iterator[Offered | NotTaken | Idle]:
        while True:
            began_s = time.monotonic()
            entries = yield from _until_there(self._entries)
            took_s = time.monotonic() - began_s
            settled = [entry for entry in entries if self._shelf.settled(entry)]
            for entry in sorted(settled, key=lambda entry: (entry.modified_ms, natural(entry.name))):
                yield from self._take(entry)
            if not self._source.watch:
                return
            yield Idle(max(self._shelf.every_s, LISTING_SHARE * took_s))

    def _entries(self) -> list[Entry]:
        """Those that the journal does not know."""
        entries = self._shelf.entries()
        self._journal.listed({entry.name for entry in entries})
        return [entry for entry in entries if not self._journal.knows(entry)]

    def _take(self, entry: Entry) -> Iterator[NotTaken | Offered | Idle]:
        found = yield from _until_there(lambda: self._shelf.read(entry))
        if found is None:
            return
        if isinstance(found, tuple):
            yield from self._refuse(entry, *found)
            return
        digest = hashlib.sha256(found)
        if (yield from _until_there(lambda: self._journal.same(entry, digest.digest()))):
            return
        try:
            image = as_jpeg(found)
        except Refused as error:
            yield from self._refuse(entry, "undecodable", str(error))
            return
        index = self._journal.next_index(digest.digest())
        frame_id = frame_id_of_file(self._source.camera, digest.hexdigest(), index)
        frame = Frame(
            frame_id=frame_id,
            camera_id=self._source.camera,
            captured_at=whole_ms(self._shelf.taken_at(entry, found)),
            sequence=None,
            content_type="image/jpeg",
            image=image,
        )
        yield Offered(frame, self._journal.offered(entry, digest.digest(), frame_id))

    def _refuse(self, entry: Entry, reason: str, why: str) -> Iterator[NotTaken | Idle]:
        if self._told.get(entry.name) == (entry.version, why):
            return
        yield NotTaken(entry.name, reason, why)
        if reason == "unreadable_file":  # nothing of the file changes when its owner lets it be read: tried again
            self._told[entry.name] = (entry.version, why)
        else:
            yield from _until_there(lambda: self._journal.refused(entry, why))


def _until_there(ask: Callable[[], AnswerT]) -> Generator[Idle, None, AnswerT]:
    """What `ask` answers as soon as what it needs is there."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return ask()
        except DependencyDown as error:
            metrics.dependency_down.labels(str(error).split(":", 1)[0]).inc()
            log.warning("waiting; nothing is lost", reason=str(error), retry_in_s=wait_s)
            yield Idle(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

"""Frames on disk until the broker takes them: a bounded queue of files, in order, of one process."""

from __future__ import annotations

import fcntl
import itertools
import os
import threading
import time
from collections import Counter, deque
from concurrent.futures import Future
from pathlib import Path

import structlog

from ingest.adapters import spool_file
from ingest.adapters.spool_file import Damaged, SpoolFile
from winnow import metrics
from winnow.errors import Refused, WinnowError
from winnow.events import Frame

log = structlog.get_logger()

FILE_BYTES = 8 * 1024 * 1024
"""Frames that wait to be written share a file and its fsync up to here: 50 ms of a slow disk."""

FRAME_BYTES = 4096
"""What a frame takes beside its image, at most: its fields, and the file's own head."""

ASIDE = "aside"
"""The folder of what cannot be sent, for a person to look at."""


class NoRoom(WinnowError):
    """The spool cannot take a frame; nothing of it was kept."""


def room_for(image_bytes: int) -> int:
    """Bytes that a frame with an image of this size takes at most."""
    return FRAME_BYTES + image_bytes


class Spool:
    """One folder. Thread-safe; a thread of its own writes, so that frames which come together share an fsync.

    Raises `Refused` where another process has the folder, or it cannot be used.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._aside = folder / ASIDE
        self._max_bytes = max_bytes
        self._lock = _locked(folder)
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Frame, Future[None]]] = deque()
        self._files: deque[SpoolFile] = deque()
        self._cameras: Counter[str] = Counter()
        self._bytes = self._reserved_bytes = 0
        self._closed = False
        for path in folder.glob(f"*{spool_file.PARTIAL}"):
            path.unlink()
        for path in sorted(folder.glob(f"*{spool_file.NAME}")):
            self._find(path)
        kept_aside = list(self._aside.glob(f"*{spool_file.NAME}"))
        self._aside_bytes = sum(path.stat().st_size for path in kept_aside)
        last = max((int(path.stem.split("-")[0]) for path in [*kept_aside, *(f.path for f in self._files)]), default=0)
        self._numbers = itertools.count(last + 1)
        metrics.spool_oldest.set_function(self._oldest_s)
        self._show()
        self._writer = threading.Thread(target=self._write_on, name="spool", daemon=True)
        self._writer.start()

    def reserve(self, size_bytes: int) -> None:
        """Keeps room for frames that may have to be put here. Raises `NoRoom`."""
        with self._changed:
            taken = self._bytes + self._aside_bytes + self._reserved_bytes
            if taken + size_bytes > self._max_bytes:
                raise NoRoom(f"the spool has {taken:,} of {self._max_bytes:,} bytes taken, no room for {size_bytes:,}")
            self._reserved_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Gives back what was reserved and is not needed."""
        with self._changed:
            self._reserved_bytes -= size_bytes

    def put(self, frame: Frame) -> Future[None]:
        """Takes a frame for which room is reserved; done when it is on the disk, `NoRoom` where it could not be."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        with self._changed:
            self._cameras[frame.camera_id] += 1
            self._waiting.append((frame, done))
            self._changed.notify_all()
        return done

    def holds(self, camera_id: str) -> bool:
        """Whether frames of the camera are here or on their way: later ones must come after them."""
        return self._cameras.get(camera_id, 0) > 0

    def first(self, wait_s: float) -> SpoolFile | None:
        """The oldest file; None where there is none within `wait_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._files, wait_s)
            return self._files[0] if self._files else None

    def read(self, file: SpoolFile) -> list[Frame]:
        """Its frames in order. Raises `Damaged`, and has put the file aside then."""
        try:
            return spool_file.read(file.path)
        except Damaged:
            file.path.replace(self._aside / file.path.name)
            with self._changed:
                self._aside_bytes += file.size_bytes
            self._forget(file)
            raise

    def remove(self, file: SpoolFile) -> None:
        """Of what the broker has."""
        file.path.unlink(missing_ok=True)
        self._forget(file)

    def set_aside(self, frame: Frame) -> Path:
        """Keeps a frame that the broker will never take. Raises `OSError`."""
        kept = spool_file.write(self._aside, next(self._numbers), [frame])
        with self._changed:
            self._aside_bytes += kept.size_bytes
        return kept.path

    def close(self) -> None:
        """Writes what waits, and lets another process have the folder."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._writer.join()
        os.close(self._lock)

    def _write_on(self) -> None:
        while batch := self._batch():
            frames = [frame for frame, _ in batch]
            written: SpoolFile | None = None
            why = ""
            try:
                written = spool_file.write(self._folder, next(self._numbers), frames)
            except OSError as error:
                why = f"the spool cannot be written: {error.strerror or error}"
            except Exception as error:  # whatever a frame holds, the next ones are written
                why = f"a frame cannot be written: {error}"
            with self._changed:
                self._reserved_bytes -= sum(map(_room, frames))
                if written is not None:
                    self._files.append(written)
                    self._bytes += written.size_bytes
                else:
                    self._cameras -= Counter(frame.camera_id for frame in frames)
                self._changed.notify_all()
            self._show()
            if why:
                log.error("frames were not taken", frames=len(frames), reason=why)
            for _, done in batch:
                if why:
                    done.set_exception(NoRoom(why))
                else:
                    done.set_result(None)

    def _batch(self) -> list[tuple[Frame, Future[None]]]:
        """What waits, as much as one file may hold; nothing when it is closed and nothing waits."""
        batch: list[tuple[Frame, Future[None]]] = []
        size_bytes = 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            while self._waiting and (not batch or size_bytes + _room(self._waiting[0][0]) <= FILE_BYTES):
                batch.append(self._waiting.popleft())
                size_bytes += _room(batch[-1][0])
        return batch

    def _find(self, path: Path) -> None:
        """A file of an earlier process."""
        try:
            found = spool_file.look(path)
        except Damaged as error:
            log.error("kept aside; its frames are not sent", reason=str(error), folder=str(self._aside))
            path.replace(self._aside / path.name)
            return
        self._files.append(found)
        self._bytes += found.size_bytes
        self._cameras += found.cameras

    def _forget(self, file: SpoolFile) -> None:
        with self._changed:
            self._files.remove(file)
            self._bytes -= file.size_bytes
            self._cameras -= file.cameras
        self._show()

    def _oldest_s(self) -> float:
        with self._changed:
            return max(0.0, time.time() - self._files[0].written_at_s) if self._files else 0.0

    def _show(self) -> None:
        with self._changed:
            metrics.spool_bytes.set(self._bytes)
            metrics.spool_frames.set(self._cameras.total())


def _room(frame: Frame) -> int:
    return room_for(len(frame.image) if isinstance(frame.image, bytes) else 0)


def _locked(folder: Path) -> int:
    """The folder, made and locked until the descriptor is closed or the process ends."""
    try:
        (folder / ASIDE).mkdir(parents=True, exist_ok=True)
        spool_file.sync(folder.parent)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"the spool {folder} cannot be used: {error.strerror}; nothing was started") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Refused(
            f"another process has the spool {folder}; nothing was started. "
            "Give each one a folder of its own (WINNOW_INGEST_SPOOL_DIR)"
        ) from None
    return descriptor

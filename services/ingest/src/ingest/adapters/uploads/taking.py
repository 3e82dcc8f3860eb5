"""From an authorised body to frames that are safe.

What is wrong with a file is known before anything is sent: nothing of its request is taken then. Where broker or disk
fail a frame later on, each file of the request has an answer of its own.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from ingest.adapters.outbox import Kept, NotTaken, Outbox
from ingest.adapters.spool import NoRoom
from ingest.adapters.uploads.answers import RefusedFile, Rejection, Taken, TakenFrame, reason_of
from ingest.adapters.uploads.archive import members
from ingest.adapters.uploads.files import Bundle, frame_of
from ingest.adapters.uploads.form import Form
from ingest.adapters.uploads.parameters import Given
from ingest.domain.upload import FileRefused, status_of
from winnow import metrics
from winnow.clock import now
from winnow.events import Frame

PIECE_BYTES = 1024 * 1024
"""A body goes to the disk and comes from it in pieces of this size."""

WINDOW_BYTES = 8 * 1024 * 1024
"""Of one request on the way to the broker at a time."""

ResultT = TypeVar("ResultT")


class Intake:
    """Worker threads between the API and the outbox; those for large work do not hold up the others."""

    def __init__(self, outbox: Outbox, folder: Path) -> None:
        self._outbox = outbox
        self._folder = folder
        threads = (os.cpu_count() or 1) + 2
        self._small = ThreadPoolExecutor(threads, "upload")
        self._large = ThreadPoolExecutor(threads, "upload-large")

    async def small(self, camera_id: str, file: bytes, given: Given) -> Taken:
        """The image that is a whole body. Raises `Rejection`, `NoRoom`, `NotTaken`."""
        return await self._one(self._small, camera_id, lambda: file, given)

    async def large(self, camera_id: str, received: IO[bytes], given: Given) -> Taken:
        """The same for one that came on disk."""
        return await self._one(self._large, camera_id, received.read, given)

    async def form(self, camera_id: str, content_type: str, received: IO[bytes]) -> Taken:
        """The files of a multipart form. Raises `Rejection`, `NoRoom`, `NotTaken`."""

        def look(bundle: Bundle) -> None:
            form = Form(content_type, bundle.offer)
            while piece := received.read(PIECE_BYTES):
                form.write(piece)
            form.close()

        return await self._many(camera_id, look)

    async def zip(self, camera_id: str, received: IO[bytes]) -> Taken:
        """The members of a zip. Raises `Rejection`, `NoRoom`, `NotTaken`."""

        def look(bundle: Bundle) -> None:
            for name, member in members(received):
                bundle.offer(name, member)

        return await self._many(camera_id, look)

    @asynccontextmanager
    async def received(self, body: AsyncIterator[bytes]) -> AsyncIterator[IO[bytes]]:
        """The body in a file without a name, at its beginning."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            piece = bytearray()
            async for chunk in body:
                piece += chunk
                if len(piece) >= PIECE_BYTES:
                    await _in(self._large, partial(file.write, bytes(piece)))
                    piece.clear()
            await _in(self._large, partial(file.write, bytes(piece)))
            file.seek(0)
            yield file

    def close(self) -> None:
        self._small.shutdown()
        self._large.shutdown()

    async def _one(self, pool: ThreadPoolExecutor, camera_id: str, read: Callable[[], bytes], given: Given) -> Taken:
        # Done with the frame itself, and not first when it is handed over: the loop is woken once a request.
        taken: Future[Taken] = Future()
        taken.set_running_or_notify_cancel()

        def send() -> None:
            try:
                frame = frame_of(camera_id, read(), now(), given)
                self._outbox.reserve([len(frame.image) if isinstance(frame.image, bytes) else 0])
                self._outbox.send(frame).add_done_callback(partial(_settle_one, taken, frame))
            except BaseException as error:
                taken.set_exception(error)

        pool.submit(send)
        try:
            return await asyncio.wrap_future(taken)
        except FileRefused as error:
            metrics.frames_refused.labels(camera_id, error.reason).inc()
            raise _rejection(error) from None

    async def _many(self, camera_id: str, look: Callable[[Bundle], None]) -> Taken:
        def send() -> Taken:
            with Bundle(camera_id, now(), self._folder) as bundle:
                look(bundle)
                return self._send(camera_id, bundle)

        try:
            return await _in(self._large, send)
        except FileRefused as error:
            raise _rejection(error) from None

    def _send(self, camera_id: str, bundle: Bundle) -> Taken:
        if bundle.refused:
            for _, error in bundle.refused:
                metrics.frames_refused.labels(camera_id, error.reason).inc()
            files = [RefusedFile(name=name, reason=error.reason, detail=str(error)) for name, error in bundle.refused]
            said = f"{len(files)} of {len(bundle.names)} files are refused; nothing was taken"
            raise Rejection(status_of({file.reason for file in files}), "refused_files", said, files)
        if not bundle.names:
            raise Rejection(422, "no_file", "there is no file in it")
        self._outbox.reserve(bundle.sizes)
        under_way = _Files()
        sent = 0
        try:
            for name, size, frame in zip(bundle.names, bundle.sizes, bundle.frames(), strict=True):
                sent += 1
                under_way.add(name, frame, size, self._outbox.send(frame))
        finally:
            self._outbox.release(bundle.sizes[sent:])
        return under_way.taken()


class _Files:
    """What becomes of the files of one request, in their order; few of them are under way at a time."""

    def __init__(self) -> None:
        self._taken: list[TakenFrame] = []
        self._failed: list[RefusedFile] = []
        self._waiting: deque[tuple[str, Frame, int, Future[Kept]]] = deque()
        self._waiting_bytes = 0

    def add(self, name: str, frame: Frame, size: int, kept: Future[Kept]) -> None:
        """One that is on its way."""
        self._waiting.append((name, frame, size, kept))
        self._waiting_bytes += size
        while self._waiting_bytes > WINDOW_BYTES:
            self._settle()

    def taken(self) -> Taken:
        """Waits for the rest. Raises `Rejection` where some failed, which names those and the ones that were taken."""
        while self._waiting:
            self._settle()
        if not self._failed:
            return Taken(frames=self._taken)
        count = len(self._failed) + len(self._taken)
        said = f"{len(self._failed)} of {count} files were not taken: {self._failed[0].detail}; send all again"
        reason = "partly_taken" if self._taken else self._failed[0].reason
        raise Rejection(503, reason, said, self._failed, self._taken)

    def _settle(self) -> None:
        """Waits for the oldest."""
        name, frame, size, kept = self._waiting.popleft()
        self._waiting_bytes -= size
        try:
            self._taken.append(_taken(name, frame, kept.result()))
        except (NoRoom, NotTaken) as error:
            self._failed.append(RefusedFile(name=name, reason=reason_of(error), detail=str(error)))


def _settle_one(taken: Future[Taken], frame: Frame, kept: Future[Kept]) -> None:
    try:
        taken.set_result(Taken(frames=[_taken(None, frame, kept.result())]))
    except BaseException as error:  # nobody would see it here, and the request would never be answered
        taken.set_exception(error)


def _taken(name: str | None, frame: Frame, kept: Kept) -> TakenFrame:
    return TakenFrame(name=name, frame_id=frame.frame_id or "", captured_at=frame.captured_at, status=kept)


def _rejection(error: FileRefused) -> Rejection:
    return Rejection(status_of({error.reason}), error.reason, f"{error}; nothing was taken")


async def _in(pool: ThreadPoolExecutor, work: Callable[[], ResultT]) -> ResultT:
    return await asyncio.get_running_loop().run_in_executor(pool, work)

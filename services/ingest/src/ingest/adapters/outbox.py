"""Frames that cannot be asked for again: to the broker while it takes them, else to the disk until it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from enum import StrEnum
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.adapters.records import FrameRecords
from ingest.adapters.spool import Spool, room_for
from ingest.adapters.spool_file import Damaged
from ingest.domain.picture import INLINE_LIMIT_BYTES
from winnow import metrics
from winnow.errors import DependencyDown, Refused, WinnowError
from winnow.events import Frame
from winnow.kafka import config
from winnow.settings import KafkaSettings

log = structlog.get_logger()

PATIENCE_MS = 5000
"""Without the broker's report for this long a frame goes to the spool."""

QUEUE_KBYTES = 131_072
"""More than all frames that are taken at a time: the client's own queue is never what is full."""

AGAIN_S, SLICE_S = 0.5, 0.1

UNFIT = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG, KafkaError.INVALID_MSG_SIZE}
"""What no retry mends. librdkafka fails the whole batch with it: true of a frame only when it was sent alone."""

Report = Callable[[KafkaError | None], None]


class Kept(StrEnum):
    """Where a frame is, safely."""

    PUBLISHED = "published"
    SPOOLED = "spooled"


class NotTaken(WinnowError):
    """The broker refuses a frame itself; nothing of it was kept."""


class Outbox:
    """One producer for all uploads, and the thread that empties the spool. Thread-safe.

    A frame may reach the broker twice, when it was published and the answer did not come, but always under the same id
    with the same bytes. Frames of a camera stay in order, but for some that were on their way when the broker went.
    """

    def __init__(self, settings: KafkaSettings, records: FrameRecords, spool: Spool) -> None:
        self._records = records
        self._spool = spool
        self._stop = threading.Event()
        self._closed = False
        # By whether the image is large, and so needs the object storage too: frames are then not even tried.
        self._away = {False: False, True: False}
        self._fatal = ""
        client = config.producer(settings, client_id="ingest-outbox")
        more = {"delivery.timeout.ms": PATIENCE_MS, "queue.buffering.max.kbytes": QUEUE_KBYTES, "error_cb": self._error}
        self._producer = Producer({**client, **more})
        self._drainer = threading.Thread(target=self._held, args=[self._drain], name="outbox-drain", daemon=True)
        self._drainer.start()
        threading.Thread(target=self._held, args=[self._poll], name="outbox-reports", daemon=True).start()

    def reserve(self, sizes: Iterable[int]) -> None:
        """Keeps room on disk for images of these sizes, whatever happens to the broker; before `send`.

        Raises `NoRoom`.
        """
        self._spool.reserve(sum(map(room_for, sizes)))

    def release(self, sizes: Iterable[int]) -> None:
        """For images that are not sent after all."""
        self._spool.release(sum(map(room_for, sizes)))

    def send(self, frame: Frame) -> Future[Kept]:
        """Sends a frame for which room is reserved; done when the broker has it, or the disk.

        Fails with `NoRoom` where the disk did not take it, `NotTaken` where the broker refuses it. Encodes, and asks
        registry and object storage: for worker threads.
        """
        done: Future[Kept] = Future()
        done.set_running_or_notify_cancel()  # who waits may go away, the frame does not
        large = _large(frame)
        if self._away[large] or self._spool.holds(frame.camera_id):
            self._keep(frame, done)
            return done

        def reported(error: KafkaError | None) -> None:
            if error is None:
                self.release([_size(frame)])
                done.set_result(Kept.PUBLISHED)
            elif error.code() in UNFIT:
                self.release([_size(frame)])
                metrics.frames_failed.labels(frame.camera_id).inc()
                done.set_exception(NotTaken(f"the broker refuses it: {error.str()}"))
            else:
                self._keep(frame, done)

        try:
            self._produce(frame, reported)
        except (DependencyDown, Refused, BufferError, KafkaException) as error:
            self._failed(large, error)
            self._keep(frame, done)
        return done

    def check(self) -> None:
        """Raises `WinnowError` where only a new start helps."""
        if self._fatal:
            raise WinnowError(
                f"the outbox failed for good: {self._fatal}. What was acknowledged is at the broker or in the spool"
            )

    def close(self) -> None:
        """Waits for what is on its way, about as long as `PATIENCE_MS`; what is in the spool stays there."""
        self._stop.set()
        self._drainer.join()
        self._producer.flush(PATIENCE_MS / 1000 + 1)
        self._closed = True

    def _produce(self, frame: Frame, reported: Report) -> None:
        """Hands the record over. Raises what `FrameRecords.of` does, `BufferError`, `KafkaException`."""
        record = self._records.of(frame)
        large = _large(frame)

        def report(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._came(large)
                metrics.frames_published.labels(frame.camera_id).inc()
            elif error.code() not in UNFIT:
                self._went(False, "broker", error.str())
            reported(error)

        self._producer.produce(record.topic, record.value, record.key, record.partition, on_delivery=report)

    def _keep(self, frame: Frame, done: Future[Kept]) -> None:
        def written(kept: Future[None]) -> None:
            error = kept.exception()
            if error is None:
                done.set_result(Kept.SPOOLED)
            else:
                done.set_exception(error)

        self._spool.put(frame).add_done_callback(written)

    def _held(self, body: Callable[[], None]) -> None:
        """A thread that must not end unseen."""
        try:
            body()
        except Exception as error:
            log.exception("the outbox failed")
            self._fatal = f"{type(error).__name__}: {error}"

    def _poll(self) -> None:
        while not self._closed:
            self._producer.poll(SLICE_S)

    def _error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._FATAL:
            self._fatal = error.str()

    def _drain(self) -> None:
        while not self._stop.is_set():
            file = self._spool.first(SLICE_S)
            if file is None:
                self._came(True)
                continue
            try:
                frames = self._spool.read(file)
            except Damaged as error:
                log.error("kept aside; its frames are not sent", reason=str(error))
                continue
            while frames and not self._stop.is_set():
                frames = self._publish(frames)
                if frames:
                    self._stop.wait(AGAIN_S)
            if not frames:
                self._spool.remove(file)

    def _publish(self, frames: list[Frame]) -> list[Frame]:
        """Sends spooled frames in order and waits for the reports; gives those that are still to be sent."""
        left: dict[int, Frame] = dict(enumerate(frames))
        reports: dict[int, KafkaError | None] = {}
        sent = 0
        for number, frame in left.items():
            try:
                self._produce(frame, partial(reports.__setitem__, number))
            except (DependencyDown, Refused, BufferError, KafkaException) as failure:
                self._failed(_large(frame), failure)
                break
            sent += 1
        while len(reports) < sent:
            time.sleep(SLICE_S / 10)
        unfit = [number for number, error in reports.items() if error is not None and error.code() in UNFIT]
        for number, error in reports.items():
            if error is None:
                del left[number]
        if unfit and len(frames) > 1:
            return [frame for one in left.values() for frame in self._publish([one])]
        for number in unfit:
            if self._set_aside(left[number], str(reports[number])):
                del left[number]
        return list(left.values())

    def _set_aside(self, frame: Frame, why: str) -> bool:
        try:
            path = self._spool.set_aside(frame)
        except OSError as error:
            log.error("a frame that the broker refuses cannot be kept aside; it waits", reason=str(error))
            return False
        metrics.frames_aside.labels(frame.camera_id).inc()
        log.error(
            "the broker refuses a frame for good; it is kept aside",
            camera=frame.camera_id, frame=frame.frame_id, reason=why, file=str(path),
        )  # fmt: skip
        return True

    def _came(self, large: bool) -> None:
        """A frame arrived: what it needed is there."""
        if self._away[False] or (large and self._away[True]):
            log.info("frames go to the broker again")
        self._away[False] = False
        if large:
            self._away[True] = False

    def _failed(self, large: bool, error: Exception) -> None:
        """A frame could not be handed over."""
        if isinstance(error, DependencyDown):
            self._went(large, str(error).split(":", 1)[0], str(error))
        elif not isinstance(error, BufferError):  # a full queue says nothing of the servers
            self._went(large, "schema registry" if isinstance(error, Refused) else "broker", str(error))

    def _went(self, large: bool, dependency: str, why: str) -> None:
        """A frame did not arrive: for a large one only large ones are held back, it may be the object storage."""
        if not self._away[large]:
            metrics.dependency_down.labels(dependency).inc()
            log.warning("frames are kept on disk until they can be sent", reason=why)
        self._away[True] = True
        if not large:
            self._away[False] = True


def _large(frame: Frame) -> bool:
    return _size(frame) > INLINE_LIMIT_BYTES


def _size(frame: Frame) -> int:
    return len(frame.image) if isinstance(frame.image, bytes) else 0

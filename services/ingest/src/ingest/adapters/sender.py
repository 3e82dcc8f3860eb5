"""A camera's frames to the broker: waits for what is down, and knows the answer to every frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog
from confluent_kafka import KafkaError, Message, Producer

from ingest.adapters.records import FrameRecord, FrameRecords
from winnow import metrics
from winnow.errors import DependencyDown
from winnow.events import Frame
from winnow.kafka import config
from winnow.settings import KafkaSettings

log = structlog.get_logger()

SLICE_S = 0.2
"""How long a wait goes on without a look at `stop`."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
FIRST_WARNING_S, LONGEST_WARNING_S = 5.0, 60.0
"""The broker is called away after this long without an answer, again after twice as long, and so on."""

GRACE_S = 10.0
"""After `stop`, for the answers to what has been handed over: a service has 15 s for its end."""


class Sender:
    """Sends frames in order, each once, however often servers go away. For use from one thread.

    `answered` is called with None for a frame that the broker has acknowledged, else with why it never will. Records
    do not time out: those not yet acknowledged are sent again, in order and without doubles (idempotent producer),
    until the broker is back or `stop` is set.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        records: FrameRecords,
        camera: str,
        stop: threading.Event,
        answered: Callable[[KafkaError | None], None],
    ) -> None:
        self._records = records
        self._camera = camera
        self._stop = stop
        self._answered = answered
        self._open = 0
        self._silence = _Silence(camera)
        client = config.producer(settings, client_id=f"ingest-{camera}")
        self._producer = Producer({**client, "delivery.timeout.ms": 0})  # 0: never

    def send(self, frame: Frame, acknowledged: Callable[[], None] = lambda: None) -> bool:
        """Hands a frame over; False when `stop` came first, and the frame was not sent.

        `acknowledged` is called once the broker has it.
        Raises `Refused` where the schema is not registered, `KafkaException` where the broker can never take it.
        """
        self._silence.look(self._open)  # a source that took its time is no silence of the broker
        record = self._record_of(frame)
        while record is not None:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    on_delivery=partial(self._report, acknowledged),
                )
            except BufferError:
                if not self._turn(SLICE_S):
                    return False
            else:
                self._open += 1
                self._turn(0)
                return True
        return False

    def pause(self, until_s: float) -> bool:
        """Takes the broker's answers until a moment of the monotonic clock; False when `stop` came first."""
        while (left_s := until_s - time.monotonic()) > 0:
            if not self._turn(min(left_s, SLICE_S)):
                return False
        return not self._stop.is_set()

    def finish(self) -> int:
        """Waits for the answer to every frame; gives how many have none, `GRACE_S` after `stop`."""
        grace_ends_s = 0.0
        while self._open:
            if not self._turn(SLICE_S):
                grace_ends_s = grace_ends_s or time.monotonic() + GRACE_S
                if time.monotonic() > grace_ends_s:
                    break
        return self._open

    def _record_of(self, frame: Frame) -> FrameRecord | None:
        """None when `stop` came while a server was away."""
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                return self._records.of(frame)
            except DependencyDown as error:
                server = str(error).split(":", 1)[0]
                metrics.dependency_down.labels(server).inc()
                log.warning(
                    f"waiting for the {server}; nothing is lost",
                    camera=self._camera, frame=frame.sequence, reason=str(error), retry_in_s=wait_s,
                )  # fmt: skip
                self.pause(time.monotonic() + wait_s)
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)
        return None

    def _turn(self, wait_s: float) -> bool:
        """Takes answers for at most `wait_s`; False when `stop` is set."""
        self._producer.poll(wait_s)
        self._silence.look(self._open)
        return not self._stop.is_set()

    def _report(self, acknowledged: Callable[[], None], error: KafkaError | None, _: Message) -> None:
        self._open -= 1
        if error is None:
            self._silence.broken()
            acknowledged()
        self._answered(error)


class _Silence:
    """Warns, ever more seldom, while frames are open and the broker acknowledges none."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._since_s = time.monotonic()
        self._warn_after_s = FIRST_WARNING_S

    def broken(self) -> None:
        if self._warn_after_s > FIRST_WARNING_S:
            log.info("the broker is back", camera=self._camera, away_s=round(time.monotonic() - self._since_s, 1))
        self._since_s = time.monotonic()
        self._warn_after_s = FIRST_WARNING_S

    def look(self, frames_open: int) -> None:
        if not frames_open:
            self._since_s = time.monotonic()
        silent_s = time.monotonic() - self._since_s
        if silent_s < self._warn_after_s:
            return
        metrics.dependency_down.labels("broker").inc()
        log.warning(
            "waiting for the broker; nothing is lost",
            camera=self._camera, frames_waiting=frames_open, silent_s=round(silent_s, 1),
        )  # fmt: skip
        self._warn_after_s = silent_s + min(silent_s, LONGEST_WARNING_S)

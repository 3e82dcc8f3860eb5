"""A live camera's frames to the broker: what cannot be sent now stays with the caller, who may drop it."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.adapters.records import FrameRecords
from winnow.events import Frame
from winnow.kafka import config
from winnow.settings import KafkaSettings

log = structlog.get_logger()

MOST_OPEN = 8
"""Frames handed over and not acknowledged: what the client library holds can no longer be dropped."""


class LiveSender:
    """Sends frames in order, each once. For use from one thread.

    `answered` is called with None for a frame that the broker has acknowledged, else with why it never will. Frames
    handed over wait for the broker for ever: they are sent, in order and without doubles, when it is back.
    """

    def __init__(
        self, settings: KafkaSettings, records: FrameRecords, camera: str, answered: Callable[[KafkaError | None], None]
    ) -> None:
        self._records = records
        self._camera = camera
        self._answered = answered
        client = config.producer(settings, client_id=f"ingest-{camera}")
        self._config = {**client, "delivery.timeout.ms": 0}  # 0: never
        self._producer = Producer(self._config)
        self.open = 0

    def room(self, wait_s: float) -> bool:
        """Takes the broker's answers for at most `wait_s`; whether one more frame may be sent."""
        self._producer.poll(0 if self.open < MOST_OPEN else wait_s)
        return self.open < MOST_OPEN

    def send(self, frame: Frame) -> None:
        """Hands a frame over. Raises `DependencyDown` and `Refused` where it was not, and may be another time."""
        record = self._records.of(frame)
        try:
            self._producer.produce(record.topic, record.value, record.key, record.partition, on_delivery=self._report)
        except KafkaException as error:
            self._answered(error.args[0])
            if error.args[0].fatal():
                self._begin_anew(str(error))
        else:
            self.open += 1

    def finish(self, wait_s: float) -> int:
        """Waits for the answers to what was handed over; gives how many frames have none."""
        if self.open:
            self._producer.flush(wait_s)
        return self.open

    def _begin_anew(self, why: str) -> None:
        log.error("the producer has failed; another one goes on", camera=self._camera, reason=why)
        self._producer.purge()
        self._producer.flush(1)
        self._producer = Producer(self._config)

    def _report(self, error: KafkaError | None, _: Message) -> None:
        self.open -= 1
        self._answered(error)

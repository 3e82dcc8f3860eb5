"""Publishing with delivery reports: nothing counts as published before the broker has said so."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.settings import KafkaSettings

Reported = Callable[[KafkaError | None], None]


class Publisher:
    """An idempotent producer that awaits and counts delivery reports. For use from one thread."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._producer = Producer(config.producer(settings, client_id=client_id))
        self.acknowledged = 0
        self.failed = 0
        self.last_error = ""

    def publish(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        *,
        headers: list[tuple[str, str | bytes | None]] | None = None,
        partition: int = -1,
        reported: Reported | None = None,
    ) -> None:
        """Queues one record; waits while the queue is full. Raises `KafkaException` where it can never be taken."""

        def report(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self.acknowledged += 1
            else:
                self.failed += 1
                self.last_error = str(error)
            if reported is not None:
                reported(error)

        while True:
            try:
                self._producer.produce(topic, value, key, partition, report, headers=headers or [])
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self, timeout_s: float = 130.0) -> None:
        """Waits for every delivery report. Raises `DependencyDown` where records are still on their way or failed."""
        failed_before = self.failed
        left = self._producer.flush(timeout_s)
        if left or self.failed > failed_before:
            raise DependencyDown(
                f"{left} records have no answer from the broker and {self.failed} were not taken: {self.last_error}"
            )

    def poll(self) -> None:
        """Serves delivery reports that have come."""
        self._producer.poll(0)


__all__ = ["KafkaException", "Publisher"]

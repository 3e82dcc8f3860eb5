"""Publishing with delivery reports: nothing counts as published before the broker has said so."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message, Producer

from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.settings import KafkaSettings


class Publisher:
    """An idempotent producer that awaits delivery reports. For use from one thread."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._producer = Producer(config.producer(settings, client_id=client_id))
        self.failed = 0
        """Records that the broker has not taken since the last `flush`."""
        self._last_error = ""

    def publish(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        *,
        headers: list[tuple[str, str | bytes | None]] | None = None,
        partition: int = -1,
    ) -> None:
        """Queues one record; waits while the queue is full. Raises `KafkaException` where it can never be taken."""

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self.failed += 1
                self._last_error = str(error)

        while True:
            try:
                self._producer.produce(topic, value, key, partition, report, headers=headers or [])
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self, timeout_s: float = 130.0) -> None:
        """Waits for every delivery report since the last call, those that came meanwhile too.

        Raises `DependencyDown` where records are still on their way or were not taken.
        """
        left = self._producer.flush(timeout_s)
        failed, self.failed = self.failed, 0
        if left or failed:
            raise DependencyDown(
                f"broker: {left} records have no answer and {failed} were not taken: {self._last_error}"
            )

    def poll(self) -> None:
        """Serves delivery reports that have come."""
        self._producer.poll(0)

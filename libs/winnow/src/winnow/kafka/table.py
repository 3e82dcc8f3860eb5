"""A topic read from its beginning and followed: small tables such as policies and cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.kafka.record import Record, record_of
from winnow.settings import KafkaSettings

log = structlog.get_logger()


class TableReader:
    """Gives every record of single-partition topics to `apply`, in order, from its own thread, until `close`.

    `loaded` is set when all that was there at the start has been applied. What `apply` raises, but for
    `DependencyDown`, ends the reading, and `check` raises it.
    """

    def __init__(
        self, settings: KafkaSettings, topics: list[str], apply: Callable[[Record], None], *, client_id: str
    ) -> None:
        self.loaded = threading.Event()
        self._apply = apply
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._consumer = Consumer({**config.reader(settings, client_id=client_id), "enable.partition.eof": True})
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in topics])
        self._unread = set(topics)
        self._thread = threading.Thread(target=self._run, name="tables", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the reading: a table that is followed no more must not be gone by in silence."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # goes to whoever asks next
            self._failure = error
        finally:
            self._consumer.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._apply_until_done(record_of(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unread.discard(str(message.topic()))
                if not self._unread:
                    self.loaded.set()
            else:
                log.warning("broker", error=str(error))

    def _apply_until_done(self, record: Record) -> None:
        while not self._stop.is_set():
            try:
                self._apply(record)
            except DependencyDown as error:
                log.warning("waiting; the table is not read on", reason=str(error))
                time.sleep(0.5)
            else:
                return

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

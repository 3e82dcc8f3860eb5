"""Records of the frames topic for the checks: read without a group, each looked at and let go."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import xxhash
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.schema_registry.error import SchemaRegistryError

from ledger.adapters.topics import Topics
from selector.domain.image_header import read_header
from winnow.codec import MAGIC, PREFIX_BYTES, Codec
from winnow.errors import DependencyDown, PoisonRecord
from winnow.events import Frame
from winnow.kafka import config
from winnow.kafka.deadletter import REDRIVEN_FROM
from winnow.kafka.record import record_of
from winnow.kafka.restore import TRANSIENT
from winnow.registry import registry_client
from winnow.settings import KafkaSettings
from winnow_cli.producers.batch_header import batch_header
from winnow_cli.producers.domain.delivery import BatchHeader
from winnow_cli.producers.domain.record import SentRecord

CLIENT = "check-producer"
TURN_S = 0.2
ASK_AGAIN_S = 30.0


class FramesReader:
    """A topic from its end, or from its beginning to the end that it has now. Raises `Refused` without the topic."""

    def __init__(self, settings: KafkaSettings, topic: str, *, from_beginning: bool) -> None:
        self._topic = topic
        topics = Topics(settings, client_id=CLIENT)
        self._ends = topics.ends(topic)
        self._starts = topics.starts(topic) if from_beginning else dict(self._ends)
        self._to_the_end = from_beginning
        self._codec = Codec(settings.registry_url)
        self._subject = _Subject(settings.registry_url, topic)
        reader = config.reader(settings, client_id=CLIENT)
        self.redriven = 0
        """Records that `winnow dlq redrive` put back: left out, since no camera sent them as they are now."""
        self._consumer = Consumer({**reader, "isolation.level": "read_committed", "enable.partition.eof": True})

    @property
    def partitions(self) -> int:
        return len(self._ends)

    def records(self, seconds: float | None) -> Iterator[SentRecord | None]:
        """Record after record, None where none came for a moment, until `seconds` have passed or the end is reached.

        Raises `DependencyDown`.
        """
        self._consumer.assign([TopicPartition(self._topic, one, offset) for one, offset in self._starts.items()])
        stop_s = None if seconds is None else time.monotonic() + seconds
        unread = {one for one, end in self._ends.items() if self._starts[one] < end} if self._to_the_end else None
        while (unread is None or unread) and (stop_s is None or time.monotonic() < stop_s):
            message = self._consumer.poll(TURN_S)
            if message is None:
                yield None
                continue
            error = message.error()
            if error is None and _redriven(message):
                self.redriven += 1
                yield None
            elif error is None:
                yield self._look(message)
            elif error.code() != KafkaError._PARTITION_EOF and error.code() not in TRANSIENT:
                raise DependencyDown(f"broker: {self._topic}: {error}; nothing was changed")
            partition, position = int(message.partition() or 0), int(message.offset() or 0) + (error is None)
            if unread is not None and position >= self._ends.get(partition, 0):
                unread.discard(partition)

    def close(self) -> None:
        self._consumer.close()

    def batch_of(self, partition: int, offset: int) -> BatchHeader | None:
        """The header of the batch that holds a record; None where it is gone. Raises `DependencyDown`, `OSError`."""
        try:
            known = self._consumer.list_topics(self._topic, timeout=10)
        except KafkaException as error:
            raise DependencyDown(f"broker: {error}") from error
        leader = known.brokers[known.topics[self._topic].partitions[partition].leader]
        return batch_header((leader.host, leader.port), self._topic, partition, offset)

    def _look(self, message: Message) -> SentRecord:
        record = record_of(message)
        value = record.value or b""
        timestamp_type, timestamp_ms = message.timestamp()
        framed = len(value) > PREFIX_BYTES and value[:1] == MAGIC
        schema_id = int.from_bytes(value[1:PREFIX_BYTES], "big") if framed else None
        seen = SentRecord(
            partition=record.partition,
            offset=record.offset,
            broker_s=timestamp_ms / 1000,
            append_time=timestamp_type == TIMESTAMP_LOG_APPEND_TIME,
            key=record.key,
            size_bytes=len(value),
            schema_id=schema_id,
            of_subject=schema_id is not None and self._subject.has(schema_id),
        )
        if schema_id is None:
            return replace(seen, refused=not_avro(value))
        try:
            frame = self._codec.decode(Frame, value)
        except PoisonRecord as error:
            return replace(seen, refused=str(error))
        if not isinstance(frame.image, bytes):
            return replace(seen, frame=frame, content_hash=xxhash.xxh3_64_intdigest(frame.image.sha256.encode()))
        return replace(
            seen,
            frame=frame,
            header=read_header(frame.image),
            image_bytes=len(frame.image),
            content_hash=xxhash.xxh3_64_intdigest(frame.image),
        )


def _redriven(message: Message) -> bool:
    headers: Any = message.headers() or []
    return any(name == REDRIVEN_FROM for name, _ in headers)


def not_avro(value: bytes) -> str:
    """What a value is that is not in the Confluent wire format, as far as its first bytes tell."""
    beginnings = {
        b"\xff\xd8\xff": "a bare JPEG",
        b"\x89PNG": "a bare PNG",
        b"Obj\x01": "an Avro file with its schema in it",
        b"{": "JSON",
    }
    if not value:
        return "no value"
    known = next((what for first, what in beginnings.items() if value.startswith(first)), None)
    return f"not Avro in the Confluent wire format: {known or f'first bytes {value[:4].hex(chr(32))}'}"


class _Subject:
    """The schema ids of a topic's subject; asked for again, now and then, while others come."""

    def __init__(self, registry_url: str, topic: str) -> None:
        self._registry = registry_client(registry_url, {"timeout": 10, "max.retries": 2})
        self._name = f"{topic}-value"
        self._ids: set[int] = set()
        self._asked_s = -math.inf

    def has(self, schema_id: int) -> bool:
        if schema_id not in self._ids and time.monotonic() - self._asked_s > ASK_AGAIN_S:
            self._ids, self._asked_s = self._ask(), time.monotonic()
        return schema_id in self._ids

    def _ask(self) -> set[int]:
        try:
            versions = self._registry.get_versions(self._name)
            return {int(self._registry.get_version(self._name, one).schema_id or 0) for one in versions}
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return set()
            raise DependencyDown(f"schema registry: {error}") from error
        except (httpx2.HTTPError, OSError) as error:
            raise DependencyDown(f"schema registry: {type(error).__name__}: {error}") from error

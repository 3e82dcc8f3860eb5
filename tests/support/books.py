"""What the tests of store, ledger and balance share: tables and bucket, and records that they plant by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.world import World
from winnow.codec import Codec
from winnow.db import Database
from winnow.events import Cursor, Expired, Frame, Outcome, SelectedFrame, SelectorState, Source, Start, Verdict
from winnow.kafka import config
from winnow.kafka.headers import cloud_event
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff\xe0"


def jpeg(number: int) -> bytes:
    """Bytes that pass for a JPEG where nobody decodes them."""
    return JPEG + number.to_bytes(8, "big") * 40


def verdict(topic: str, offset: int, *, partition: int = 0, camera: str = "yard", **fields: Any) -> Verdict:
    """A verdict on the frame at `offset`; kept and novel unless `fields` say otherwise."""
    made = Verdict(
        camera_id=camera,
        frame_id=f"{camera}-{offset}",
        source=Source(topic, partition, offset),
        broker_time=AT + timedelta(seconds=offset),
        captured_at=AT + timedelta(seconds=offset),
        event_time=AT + timedelta(seconds=offset),
        outcome=Outcome.KEPT,
        reason="novel",
        decided_at=AT + timedelta(seconds=offset),
        block="train",
        signals={"sharpness": 3.5, "distance": 20.0},
        thresholds={"novelty": 12.0},
        policy_version=0,
        signature=b"s" * 100,
        signature_version=1,
        content_hash="ab" * 16,
        size_bytes=324,
    )
    return replace(made, **fields)


def selected(source: Source, image: Any, *, camera: str = "yard", **fields: Any) -> SelectedFrame:
    made = SelectedFrame(
        camera_id=camera,
        frame_id=f"{camera}-{source.offset}",
        source=source,
        captured_at=AT,
        event_time=AT + timedelta(seconds=source.offset),
        content_type="image/jpeg",
        image=image,
        width=640,
        height=480,
        reason="novel",
        block="train",
        policy_version=0,
        signature=b"s" * 100,
        signature_version=1,
    )
    return replace(made, **fields)


@dataclass
class Selector:
    """Writes by hand what the selector would: verdicts, selected frames, state and committed offsets of a partition."""

    world: World
    partition: int = 0
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = Publisher(self.world.kafka, client_id="planted")

    @property
    def codec(self) -> Codec:
        return self.world.codec

    def frames(self, first: int, count: int) -> None:
        """Frames `first` and on, each at the offset of its number where the log has nothing else."""
        names = self.world.names
        for number in range(first, first + count):
            frame = Frame(f"yard-{number}", "yard", AT, number, "image/jpeg", jpeg(number))
            self._publish(names.frames, "yard", self.codec.encode(names.frames, frame))
        self.publisher.flush()

    def transactions(self, count: int) -> None:
        """Frames, each in a transaction of its own, whose marker takes the offset after it."""
        names = self.world.names
        settings = config.transactional_producer(self.world.kafka, f"{names.namespace}.planted", client_id="planted")
        producer = Producer(settings)
        producer.init_transactions()
        for number in range(count):
            frame = Frame(f"yard-{number}", "yard", AT, number, "image/jpeg", jpeg(number))
            producer.begin_transaction()
            producer.produce(names.frames, self.codec.encode(names.frames, frame), "yard", self.partition)
            producer.commit_transaction()

    def judge(self, *verdicts: Verdict) -> None:
        for one in verdicts:
            self._publish(self.world.names.verdicts, one.camera_id, self.codec.encode(self.world.names.verdicts, one))
        self.publisher.flush()

    def select(self, *frames: SelectedFrame) -> None:
        topic = self.world.names.selected
        for one in frames:
            headers = cloud_event("selected", "selector", one.source, one.event_time)
            self._publish(topic, one.camera_id, self.codec.encode(topic, one), headers)
        self.publisher.flush()

    def state(
        self, *, start: int | None = None, cursor: int | None = None, expired: tuple[int, int] | None = None
    ) -> None:
        parts = [
            SelectorState(start=Start(start)) if start is not None else None,
            SelectorState(cursor=Cursor(cursor)) if cursor is not None else None,
            SelectorState(expired=Expired(*expired)) if expired is not None else None,
        ]
        topic = self.world.names.state
        for part in parts:
            if part is not None:
                self._publish(topic, part.key, self.codec.encode(topic, part))
        self.publisher.flush()

    def commit(self, service: str, topic: str, offset: int) -> None:
        """Commits an offset of a group that has no members."""
        settings = self.world.kafka.model_copy(update={"group_protocol": "classic"})
        consumer = Consumer(config.consumer(settings, self.world.names.group(service), client_id="planted"))
        consumer.commit(offsets=[TopicPartition(topic, self.partition, offset)], asynchronous=False)
        consumer.close()

    def _publish(self, topic: str, key: str | None, value: bytes, headers: Any = None) -> None:
        self.publisher.publish(topic, key, value, headers=headers, partition=self.partition)


def batch(world: World, topic: str, *, partition: int = 0, first: int = 0) -> list[Record]:
    """A partition's records from an offset on, as the loop would hand them over."""
    return [r for r in read_to_end(world.kafka, topic, partition, client_id="test-batch") if r.offset >= first]


def rows(world: World, query: str, *arguments: Any) -> list[dict[str, Any]]:
    """What a query gives."""
    database = Database(world.database)

    async def fetch(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch(query, *arguments)]

    try:
        return database.run(fetch)
    finally:
        database.close()


def delete_records(world: World, topic: str, before: int, partition: int = 0) -> None:
    """Retention by hand: the partition begins at `before`."""
    admin = AdminClient(config.admin(world.kafka))
    for future in admin.delete_records([TopicPartition(topic, partition, before)]).values():
        future.result(10)

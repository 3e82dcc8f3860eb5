"""The Kafka loops on the real broker, where servers are away, slow, or retention was quicker."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.support.door import Door
from tests.support.world import World, eventually

from winnow import metrics
from winnow.codec import Codec
from winnow.errors import DependencyDown, Misconfigured, PoisonRecord
from winnow.events import Frame
from winnow.health import Health
from winnow.kafka import config, consumer, transactional
from winnow.kafka.consumer import ConsumerLoop
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.kafka.table import TableReader
from winnow.kafka.transactional import Decided, LoopSettings, Output, TransactionalLoop
from winnow.kafka.transactional_producer import TransactionalProducer
from winnow.settings import KafkaSettings
from winnow_cli.stack import Stack

pytestmark = pytest.mark.stack

MAX_POLL_MS = 2000
"""A member that does not poll for as long is thrown out: 120 s in earnest, short here so that it would be seen."""


@dataclass
class Topics:
    """Three topics of one partition, and what can be asked of them."""

    kafka: KafkaSettings
    name: str = field(default_factory=lambda: f"loop{uuid.uuid4().hex[:10]}")

    def __post_init__(self) -> None:
        self.input, self.state, self.output = (f"{self.name}.{part}" for part in ("input", "state", "output"))
        self.admin = AdminClient(config.admin(self.kafka))
        made = self.admin.create_topics([NewTopic(t, 1, 1) for t in (self.input, self.state, self.output)])
        for future in made.values():
            future.result(20)

    def publish(self, first: int, count: int) -> None:
        publisher = Publisher(self.kafka, client_id="test")
        for number in range(first, first + count):
            publisher.publish(self.input, "key", b"%d" % number)
        publisher.flush()

    def retain_from(self, offset: int) -> None:
        where = TopicPartition(self.input, 0, offset)
        self.admin.delete_records([where])[where].result(20)

    def values(self, topic: str) -> list[bytes]:
        return [record.value or b"" for record in read_to_end(self.kafka, topic, 0, client_id="test")]

    @property
    def expired(self) -> float:
        return metrics.expired_records.labels(self.input)._value.get()


@pytest.fixture
def topics(stack: Stack, tmp_path: Path) -> Topics:
    return Topics(World(stack, "loops", tmp_path).kafka)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What is logged, by members that are thrown out quickly."""
    of_group = config.consumer
    quick = {"max.poll.interval.ms": MAX_POLL_MS}
    monkeypatch.setattr(config, "consumer", lambda *args, **kwargs: {**of_group(*args, **kwargs), **quick})
    with structlog.testing.capture_logs() as lines:
        yield lines


class Copy:
    """Copies records; its state is nothing, the marks are words. `extract` is the test's."""

    def __init__(self, topics: Topics, extract: Callable[[Record], bytes]) -> None:
        self._topics = topics
        self.extract = extract

    def waits_for(self) -> str:
        return ""

    def restore(self, partition: int, records: Iterable[Record]) -> tuple[None, int | None]:
        cursors = [int(record.value or b"") for record in records if record.key == b"cursor"]
        return None, cursors[-1] if cursors else None

    def decide(self, state: None, batch: list[tuple[Record, bytes]]) -> Decided[None]:
        return Decided([Output(self._topics.output, None, value) for _, value in batch], None, lambda: None)

    def cursor(self, next_offset: int) -> Output:
        return Output(self._topics.state, b"cursor", b"%d" % next_offset)

    def start(self, offset: int) -> Output:
        return Output(self._topics.state, b"start", b"start %d" % offset)

    def expired(self, first: int, last: int) -> Output:
        return Output(self._topics.state, b"expired", b"expired %d-%d" % (first, last))


@contextmanager
def running(loop: TransactionalLoop[Any, Any] | ConsumerLoop) -> Iterator[None]:
    """The loop on a thread of its own; what it raised is raised here."""
    stop, failures = threading.Event(), []

    def run() -> None:
        try:
            loop.run(stop)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not failures and not thread.is_alive()


def copying(topics: Topics, processor: Copy, health: Health | None = None) -> TransactionalLoop[None, bytes]:
    settings = LoopSettings(f"{topics.name}-group", topics.input, topics.state, f"{topics.name}-0")
    health = health or Health()
    producer = TransactionalProducer(topics.kafka, settings.group, settings.instance, health=health)
    return TransactionalLoop(processor, settings, topics.kafka, health, producer)


def numbers(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


def waits(logged: list[dict[str, Any]]) -> list[float]:
    return [line["retry_in_s"] for line in logged if "retry_in_s" in line]


def test_a_registry_that_is_away_holds_up_the_batch_and_the_member_stays(
    topics: Topics, logged: list[dict[str, Any]]
) -> None:
    door = Door(topics.kafka.registry_url)
    door.shut()
    codec = Codec(topics.kafka.registry_url.replace(topics.kafka.registry_url.split("/")[2], door.url.split("/")[2]))

    def extract(record: Record) -> bytes:
        try:
            codec.decode(Frame, b"\0\0\x7f\xff\xff?")  # an id that the registry does not know, once it is back
        except PoisonRecord:
            return record.value or b""
        raise AssertionError("the id is known")

    health = Health(stalled_after_s=2.0)
    with running(copying(topics, Copy(topics, extract), health)):
        topics.publish(0, 10)
        eventually(lambda: not health.live[0] or 2.0 in waits(logged), what="a wait of 2 s")
        assert health.live[0], health.live
        topics.publish(10, 10)
        assert topics.values(topics.output) == []
        door.open()
        eventually(lambda: len(topics.values(topics.output)) >= 20, what="the copies")
        assert not [line for line in logged if line["event"] == "revoked"], "the member left its group"
    door.shut()
    assert waits(logged)[:3] == [0.5, 1.0, 2.0]
    assert topics.values(topics.output) == numbers(0, 20)


def test_slow_extraction_is_waited_for_within_the_group(
    topics: Topics, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactional, "PATIENCE_S", 0.1)

    def extract(record: Record) -> bytes:
        if record.value == b"0":
            time.sleep(1.5 * MAX_POLL_MS / 1000)  # the slowness itself, not a wait for something
        return record.value or b""

    topics.publish(0, 6)
    with running(copying(topics, Copy(topics, extract))):
        eventually(lambda: len(topics.values(topics.output)) >= 6, what="the copies")
        assert not [line for line in logged if line["event"] == "revoked"], "the member left its group"
        topics.publish(6, 6)
        eventually(lambda: len(topics.values(topics.output)) >= 12, what="the copies after the wait")
    assert topics.values(topics.output) == numbers(0, 12)


def test_what_expired_under_a_running_transactional_loop_is_marked_and_counted_once(
    topics: Topics, logged: list[dict[str, Any]]
) -> None:
    away = threading.Event()

    class Flaky(Copy):
        def expired(self, first: int, last: int) -> Output:
            if not away.is_set():
                return super().expired(first, last)
            away.clear()
            raise DependencyDown("registry: away, as it may be whenever a mark is encoded")

    def extract(record: Record) -> bytes:
        if away.is_set():
            raise DependencyDown("storage: away")
        return record.value or b""

    topics.publish(0, 10)
    with running(copying(topics, Flaky(topics, extract))):
        eventually(lambda: len(topics.values(topics.output)) == 10, what="the first copies")
        away.set()
        topics.publish(10, 10)
        eventually(lambda: waits(logged), what="a batch that is held up")
        topics.retain_from(15)
        eventually(lambda: len(topics.values(topics.output)) >= 15, what="the copies of what is left")
    assert topics.values(topics.output) == numbers(0, 10) + numbers(15, 5)
    marks = [value for value in topics.values(topics.state) if value.startswith(b"expired")]
    assert (marks, topics.expired) == ([b"expired 10-14"], 5.0)


def test_what_expired_under_a_running_consumer_loop_is_counted_though_the_broker_did_not_answer_at_first(
    topics: Topics, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Consumer):
        asked = 0

        def get_watermark_offsets(self, *args: Any, **kwargs: Any) -> Any:
            Impatient.asked += 1
            return super().get_watermark_offsets(*args, timeout=1e-4 if self.asked == 1 else kwargs["timeout"])

    monkeypatch.setattr(consumer, "Consumer", Impatient)

    handled: list[bytes] = []

    class Handler:
        def positions(self, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
            return dict.fromkeys(partitions, 2)

        def handle(self, batch: list[Record]) -> None:
            handled.extend(record.value or b"" for record in batch)

    topics.publish(0, 10)
    topics.retain_from(6)
    loop = ConsumerLoop(
        topics.kafka,
        group=topics.name,
        topics=[topics.input],
        handler=Handler(),
        health=Health(),
        client_id="test",
        batch_max=10,
        linger_s=0.02,
    )
    with running(loop):
        eventually(lambda: len(handled) >= 4, timeout_s=20, what="what is left")
    assert handled == numbers(6, 4)
    assert (Impatient.asked, topics.expired) == (2, 4.0)


def refuse(_: Record) -> bytes:
    raise Misconfigured("the registry refuses")


def test_a_registry_that_refuses_ends_the_loop_with_nothing_judged(topics: Topics) -> None:
    topics.publish(0, 3)
    loop, stop = copying(topics, Copy(topics, refuse)), threading.Event()
    deadline = threading.Timer(20, stop.set)
    deadline.start()
    with pytest.raises(Misconfigured, match="refuses"):
        loop.run(stop)
    deadline.cancel()
    assert topics.values(topics.output) == []


def test_a_table_that_is_followed_no_more_is_not_gone_by_in_silence(topics: Topics) -> None:
    topics.publish(0, 1)
    table = TableReader(topics.kafka, [topics.input], refuse, client_id="test")

    def failed() -> bool:
        try:
            table.check()
        except Misconfigured:
            return True
        return False

    eventually(failed, timeout_s=20, what="the failure")
    assert not table.loaded.is_set()
    table.close()

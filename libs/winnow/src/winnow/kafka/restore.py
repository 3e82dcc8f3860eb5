"""Reading a partition's state back: to its end, past open transactions, and never less than that."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.kafka.record import Record, record_of
from winnow.settings import KafkaSettings


def log_end(admin: AdminClient, topic: str, partition: int) -> int:
    """The end of the log, open transactions included. Raises `DependencyDown`.

    READ_UNCOMMITTED: an open transaction pins the last stable offset, and a restore that took that for the end
    would miss state in silence.
    """
    return _offset(admin, topic, partition, OffsetSpec.latest())


def log_start(admin: AdminClient, topic: str, partition: int) -> int:
    """The first offset that retention has left. Raises `DependencyDown`."""
    return _offset(admin, topic, partition, OffsetSpec.earliest())


@retry(
    retry=retry_if_exception_type(DependencyDown),
    stop=stop_after_delay(15),
    wait=wait_exponential(0.05, max=1),
    reraise=True,
)
def _offset(admin: AdminClient, topic: str, partition: int, spec: OffsetSpec) -> int:
    where = TopicPartition(topic, partition)
    futures = admin.list_offsets({where: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=5)
    try:
        return int(futures[where].result().offset)
    except KafkaException as error:
        # What the client knows of leaders and their epochs it does not doubt by itself: without this, a broker that
        # stood still for some seconds was asked in vain for all of the 15 s.
        with contextlib.suppress(KafkaException):
            admin.list_topics(topic, timeout=5)
        raise DependencyDown(f"broker: offsets of {topic}/{partition}: {error}") from error


def read_to_end(settings: KafkaSettings, topic: str, partition: int, *, client_id: str) -> Iterator[Record]:
    """The committed records of a partition, from its beginning up to its end as it was at the call.

    Waits for transactions that are open at the call: they end by commit, abort or the broker's time-out. Raises
    `DependencyDown`.
    """
    return map(record_of, _to_end(settings, topic, partition, client_id=client_id))


def last_of_each_key(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    *,
    client_id: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """Of what `read_to_end` reads, the last record of each key: what compaction would leave of it.

    Only these are made records of: of a state topic that is not compacted yet they are one in twenty. Reads all before
    it gives the first; ends early when `cancelled()`. Raises `DependencyDown`.
    """
    messages = _to_end(settings, topic, partition, client_id=client_id, cancelled=cancelled)
    latest = {message.key(): message for message in messages}
    return map(record_of, latest.values())


def _to_end(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    *,
    client_id: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Message]:
    with AdminClient(config.admin(settings)) as admin:
        end = log_end(admin, topic, partition)
        if end == 0:
            return
        # The offset itself, not OFFSET_BEGINNING: the client looks that up only 0.5 s later, when it knows the leader.
        start = log_start(admin, topic, partition)
    # Small records, and all of them are wanted: their bytes alone bound what is fetched ahead.
    consumer = span_consumer(settings, client_id=client_id, ahead=100_000)
    try:
        yield from _messages(consumer, topic, partition, start, end, cancelled=cancelled)
    finally:
        consumer.close()


def span_consumer(settings: KafkaSettings, *, client_id: str, ahead: int = 1000) -> Consumer:
    """A consumer for `read_span`, which fetches about `ahead` records ahead."""
    return Consumer(
        {
            **config.reader(settings, client_id=client_id),
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "queued.min.messages": ahead,
        }
    )


def read_span(consumer: Consumer, topic: str, partition: int, start: int, end: int) -> Iterator[Record]:
    """The committed records from `start` up to `end`, that one not included; takes the consumer for itself.

    Waits for transactions that are open below `end`. Raises `DependencyDown`.
    """
    return map(record_of, _messages(consumer, topic, partition, start, end))


def _messages(
    consumer: Consumer,
    topic: str,
    partition: int,
    start: int,
    end: int,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Message]:
    consumer.assign([TopicPartition(topic, partition, start)])
    silent_since = time.monotonic()
    while not cancelled():
        first = consumer.poll(0.2)
        if first is None:
            if time.monotonic() - silent_since > 60:
                raise DependencyDown(f"broker: {topic}/{partition} could not be read to {end} for 60 s")
            continue
        silent_since = time.monotonic()
        for message in [first, *consumer.consume(10_000, 0)]:
            error = message.error()
            if error is None:
                if int(message.offset() or 0) >= end:
                    return
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                # The EOF offset passes trailing control records; with a transaction open it stops before them.
                if int(message.offset() or 0) >= end:
                    return
            elif not error.retriable() and error.code() not in TRANSIENT:
                raise DependencyDown(f"broker: {topic}/{partition}: {error}")


TRANSIENT = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE)

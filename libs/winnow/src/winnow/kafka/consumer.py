"""The at-least-once loop: a batch is handled until it is durable, then its offsets are committed."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from winnow import metrics
from winnow.errors import DependencyDown
from winnow.health import Health
from winnow.kafka import config
from winnow.kafka.backoff import FIRST_WAIT_S, LONGEST_WAIT_S, BackOff
from winnow.kafka.lag import TimeLag
from winnow.kafka.record import Record, record_of
from winnow.settings import KafkaSettings

log = structlog.get_logger()

Partition = tuple[str, int]

POLL_S = 0.2


class BatchHandler(Protocol):
    """What a service does with its input. Every step may be repeated."""

    def positions(self, partitions: list[Partition]) -> dict[Partition, int]:
        """Where to start, for those partitions of which the handler itself keeps the position."""

    def handle(self, batch: list[Record]) -> None:
        """Makes a batch durable. Raises `DependencyDown` to be called again with what is still owned of it."""


class ConsumerLoop:
    """A group member that hands ordered batches to a handler and commits what the handler has made durable."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        topics: list[str],
        handler: BatchHandler,
        health: Health,
        client_id: str,
        batch_max: int,
        linger_s: float,
    ) -> None:
        self._topics = topics
        self._handler = handler
        self._health = health
        self._batch_max = batch_max
        self._linger_s = linger_s
        self._consumer = Consumer(config.consumer(settings, group, client_id=client_id))
        self._lags = {topic: TimeLag(topic) for topic in topics}
        self._owned: set[Partition] = set()
        self._back_off = BackOff(self._consumer, self._consumer.assignment, health)
        self._stash: list[Message] = []

    def run(self, stop: threading.Event) -> None:
        """Turns until `stop` is set; then the batch at hand is finished, and the group is left."""
        self._health.not_ready("joining the group")
        self._consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        try:
            while not stop.is_set():
                self._health.beat()
                batch = self._collect(stop)
                if batch:
                    self._settle(batch, stop)
        finally:
            self._health.not_ready("stopping")
            self._consumer.close()

    # --- one turn -----------------------------------------------------------------------------------------------

    def _collect(self, stop: threading.Event) -> list[Record]:
        messages, self._stash = self._stash, []
        deadline = time.monotonic() + self._linger_s
        while len(messages) < self._batch_max and not stop.is_set():
            if messages and time.monotonic() >= deadline:
                break
            wait_s = max(0.0, min(POLL_S, deadline - time.monotonic())) if messages else POLL_S
            first = self._consumer.poll(wait_s)
            self._health.beat()
            if first is None:
                if not messages:
                    for lag in self._lags.values():
                        lag.caught_up()
                    break
                continue
            if not messages:
                if first.error() is None:
                    self._lags[str(first.topic())].at(first)
                deadline = time.monotonic() + self._linger_s
            # poll, then consume without a time-out: consume(n, t) waits for all n or the whole time.
            messages += [first, *self._consumer.consume(self._batch_max - len(messages) - 1 or 1, 0)]
        records = [record for message in messages if (record := self._readable(message))]
        # A partition that went and came back within the wait is read twice from its committed offset.
        return self._owned_records(list({(r.topic, r.partition, r.offset): r for r in records}.values()))

    def _readable(self, message: Message) -> Record | None:
        error = message.error()
        if error is None:
            return record_of(message)
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._skip_expired(message)
        elif error.fatal():
            raise KafkaException(error)
        else:
            log.warning("broker", error=str(error))
        return None

    def _skip_expired(self, message: Message) -> None:
        """Retention took records before they were read: named and counted, and the balance will show them."""
        topic, partition, read_to = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        if (topic, partition) not in self._owned:
            return
        try:
            first, _ = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        except KafkaException as error:
            # Read from where it was: the broker will say so again once it can be asked.
            log.warning("records expired; the broker does not say how many yet", error=str(error))
            first = read_to
        else:
            metrics.expired_records.labels(topic).inc(max(0, first - read_to))
            log.error(
                "records expired before they were read", topic=topic, partition=partition, next=read_to, first=first
            )
        where = TopicPartition(topic, partition, first)
        # Not a seek: a partition whose offset was out of range is not fetched any more, and refuses one.
        self._consumer.incremental_unassign([where])
        self._consumer.incremental_assign([where])

    def _settle(self, batch: list[Record], stop: threading.Event) -> None:
        while batch:
            try:
                self._handler.handle(batch)
            except DependencyDown as error:
                self._stash += self._back_off.after(error, stop)
                if stop.is_set():
                    return
                batch = self._owned_records(batch)
            else:
                self._back_off.reset()
                self._commit(batch, stop)
                return

    def _commit(self, batch: list[Record], stop: threading.Event) -> None:
        ends: dict[Partition, Record] = {}
        for record in batch:
            ends[record.topic, record.partition] = record
            metrics.records.labels(record.topic).inc()
        offsets = [TopicPartition(t, p, r.offset + 1) for (t, p), r in ends.items() if (t, p) in self._owned]
        while offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                reason = error.args[0]
                if reason.fatal():
                    raise
                if not (reason.retriable() or reason.code() in AWAY) or stop.is_set():
                    # Another member has the partition now, and repeats the batch: every step may be repeated.
                    log.warning("offsets not committed; the batch will be read again", error=str(reason))
                    return
                self._health.beat()
                stop.wait(FIRST_WAIT_S)
            else:
                return

    # --- rebalance ----------------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        own = self._positions([(str(p.topic), p.partition) for p in partitions])
        committed = self._committed(partitions) if partitions else []
        starts = []
        for partition in committed:
            start = own.get((str(partition.topic), partition.partition), partition.offset)
            starts.append(
                TopicPartition(str(partition.topic), partition.partition, start if start >= 0 else OFFSET_BEGINNING)
            )
        consumer.incremental_assign(starts)
        if self._back_off.waiting:
            consumer.pause(starts)
        self._owned |= {(str(p.topic), p.partition) for p in partitions}
        self._health.ready()
        log.info("assigned", partitions=[f"{p.topic}/{p.partition}@{p.offset}" for p in starts])

    def _positions(self, partitions: list[Partition]) -> dict[Partition, int]:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return self._handler.positions(partitions)
            except DependencyDown as error:
                log.warning("waiting for the positions", reason=str(error), retry_in_s=wait_s)
                time.sleep(wait_s)
                self._health.beat()
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        while True:
            try:
                return list(self._consumer.committed(partitions, timeout=10))
            except KafkaException as error:
                log.warning("waiting for the committed offsets", error=str(error))
                self._health.beat()

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned -= {(str(p.topic), p.partition) for p in partitions}
        consumer.incremental_unassign(partitions)
        log.info("revoked", partitions=[f"{p.topic}/{p.partition}" for p in partitions])

    def _owned_records(self, records: list[Record]) -> list[Record]:
        return [record for record in records if (record.topic, record.partition) in self._owned]


AWAY = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
"""What a commit answers while the broker is away or coming back."""

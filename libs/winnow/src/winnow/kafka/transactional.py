"""The exactly-once loop: outputs, state, cursor and offsets of a batch in one Kafka transaction.

No transaction is ever open across a poll, so a rebalance only drops state, and a dead process leaves at most one
transaction that the broker aborts. The steps are in `docs/decisions/0002-transactional-loop.md`.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from winnow import metrics
from winnow.errors import DependencyDown
from winnow.health import Health
from winnow.kafka import config
from winnow.kafka.assignment import Assignment, Owned
from winnow.kafka.backoff import BackOff
from winnow.kafka.lag import TimeLag
from winnow.kafka.processor import Decided, ExtractT, LoopSettings, Output, Processor, StateT
from winnow.kafka.record import Record, record_of
from winnow.kafka.transactional_producer import Ended, TransactionalProducer
from winnow.settings import KafkaSettings

__all__ = ["Decided", "LoopSettings", "Output", "Processor", "TransactionalLoop"]

log = structlog.get_logger()

POLL_S = 0.1
CHUNK = 4
"""Records extracted in one go where as many are at hand: handing one to a thread costs 30 us."""

PATIENCE_S = 5.0
"""An extraction that takes longer (slow storage) is waited for with polls, which throws away what was prefetched."""

_Chunk = tuple[list[Record], Future[list[ExtractT]]]


class TransactionalLoop(Generic[StateT, ExtractT]):
    """A group member that judges its partitions' records exactly once."""

    def __init__(
        self,
        processor: Processor[StateT, ExtractT],
        settings: LoopSettings,
        kafka: KafkaSettings,
        health: Health,
        producer: TransactionalProducer,
    ) -> None:
        self._processor = processor
        self._settings = settings
        self._health = health
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="extract")
        self._producer = producer
        self._consumer = Consumer(
            {
                **config.consumer(kafka, settings.group, client_id=settings.instance),
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._lag = TimeLag(settings.topic)
        self._assignment: Assignment[StateT] = Assignment(processor, settings, kafka, self._consumer)
        self._back_off = BackOff(self._consumer, self._assignment.running, health)

    def run(self, stop: threading.Event) -> None:
        """Turns until `stop` is set; then the batch at hand is finished, and the group is left.

        Raises `StateMismatch`, `Misconfigured`, and `KafkaException` for fatal errors: the process must start anew.
        """
        self._health.not_ready("waiting for the broker")
        if not self._producer.start(stop):
            return
        while (missing := self._processor.waits_for()) and not stop.is_set():
            self._health.not_ready(missing)
            self._health.beat()
            stop.wait(POLL_S)
        self._health.not_ready("joining the group")
        self._assignment.subscribe()
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._health.not_ready("stopping")
            self._assignment.close()
            self._consumer.close()
            self._threads.shutdown(cancel_futures=True)

    def _turn(self, stop: threading.Event) -> None:
        self._health.beat()
        self._assignment.adopt_restored()
        unrestored = self._assignment.unrestored
        if not self._assignment.joined or unrestored:
            self._health.not_ready(f"restoring {unrestored} partitions" if unrestored else "joining the group")
        else:
            self._health.ready()
        # The metadata of before the batch: if a rebalance comes in between, its epoch is stale and the broker refuses
        # the offsets. Fresh metadata would be accepted even for another member's partition.
        metadata = self._consumer.consumer_group_metadata()
        batch = self._collect()
        if not (batch or self._assignment.has_marks):
            return
        try:
            self._judge(batch, metadata, stop)
        except DependencyDown as error:
            # Nothing of the batch is in a transaction yet. Whatever the polls of the wait give is read again too.
            self._handle(self._back_off.after(error, stop))
            self._assignment.rewind()
        else:
            if batch:  # marks alone say nothing of the servers that a batch asks
                self._back_off.reset()

    # --- consume ------------------------------------------------------------------------------------------------

    def _collect(self) -> list[_Chunk[ExtractT]]:
        batch: list[_Chunk[ExtractT]] = []
        size_bytes = records = 0
        rebalances = self._assignment.rebalances
        deadline = 0.0
        with _phase("fetch"):
            while records < self._settings.batch_max and size_bytes < self._settings.batch_bytes:
                wait_s = max(0.0, deadline - time.monotonic()) if batch else POLL_S
                first = self._consumer.poll(wait_s)
                if first is None:
                    break
                if not batch:
                    self._lag.at(first)
                    deadline = time.monotonic() + self._settings.linger_s
                # poll, then consume without a time-out: consume(n, t) waits for all n or the whole time.
                room = self._settings.batch_max - records - 1
                messages = [first, *(self._consumer.consume(room, 0) if room else [])]
                for i in range(0, len(messages), CHUNK):
                    chunk = [r for message in messages[i : i + CHUNK] if (r := self._readable(message)) is not None]
                    size_bytes += sum(len(record.value or b"") for record in chunk)
                    records += len(chunk)
                    batch.append((chunk, self._threads.submit(self._extract, chunk)))
                if rebalances != self._assignment.rebalances or time.monotonic() >= deadline:
                    break
        if not batch and self._assignment.joined and not self._assignment.unrestored:
            self._lag.caught_up()
        return [(chunk, future) for chunk, future in batch if chunk]

    def _extract(self, chunk: list[Record]) -> list[ExtractT]:
        return [self._processor.extract(record) for record in chunk]

    def _readable(self, message: Message) -> Record | None:
        error = message.error()
        if error is None:
            record = record_of(message)
            return record if self._assignment.expects(record) else None
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            log.error("an offset is out of range; the partition is restored anew", error=str(error))
            self._assignment.restore_anew(int(message.partition() or 0))
        elif error.fatal():
            raise KafkaException(error)
        else:
            log.warning("broker", error=str(error))
        return None

    # --- decide -------------------------------------------------------------------------------------------------

    def _judge(self, batch: list[_Chunk[ExtractT]], metadata: Any, stop: threading.Event) -> None:
        """Commits the batch, or goes back to where it began. Raises `DependencyDown` before anything is written."""
        with _phase("extract"):
            extracted = self._extracted(batch, stop)
        by_partition: dict[int, list[tuple[Record, ExtractT]]] = {p: [] for p in self._assignment.marked}
        for record, features in extracted:
            records = by_partition.setdefault(record.partition, [])
            if not records or record.offset > records[-1][0].offset:
                records.append((record, features))
        decided: dict[int, tuple[Owned[StateT], Decided[StateT], int]] = {}
        outputs: list[tuple[int, Output]] = []
        offsets: list[TopicPartition] = []
        with _phase("decide"):
            for partition, records in by_partition.items():
                owned = self._assignment[partition]
                decision = self._processor.decide(owned.state, records)
                next_offset = records[-1][0].offset + 1 if records else owned.next_offset
                decided[partition] = (owned, decision, next_offset)
                cursor = self._processor.cursor(next_offset)
                outputs += [(partition, output) for output in (*owned.marks, *decision.outputs, cursor)]
                offsets.append(TopicPartition(self._settings.topic, partition, next_offset))
        if not offsets:
            return
        with _phase("produce"), metrics.transaction_time.time():
            ended = self._producer.transact(outputs, offsets, metadata, stop)
        if ended is Ended.ABORTED:
            self._assignment.rewind()
        elif ended is Ended.IN_DOUBT and not stop.is_set():
            self._assignment.restore_all_anew()
        elif ended is Ended.COMMITTED:
            for partition, (owned, decision, next_offset) in decided.items():
                self._assignment.advance(partition, owned, decision.state, next_offset)
                decision.committed()
            metrics.records.labels(self._settings.topic).inc(len(extracted))

    def _extracted(self, batch: list[_Chunk[ExtractT]], stop: threading.Event) -> list[tuple[Record, ExtractT]]:
        """The extractions of a batch, none of it when the service is to stop and they are not done.

        Raises what one of them raised; the others are not begun then.
        """
        try:
            for _, future in batch:
                self._wait_for(future, stop)
                if not future.done():
                    return []
                future.result()
        finally:
            for _, future in batch:
                future.cancel()
        pairs = [pair for chunk, future in batch for pair in zip(chunk, future.result(), strict=True)]
        # What was revoked since the batch was collected is another member's now.
        return [pair for pair in pairs if self._assignment.expects(pair[0])]

    def _wait_for(self, future: Future[list[ExtractT]], stop: threading.Event) -> None:
        if not wait([future], PATIENCE_S).done:
            self._handle(self._back_off.until(lambda: future.done() or stop.is_set()))

    def _handle(self, messages: list[Message]) -> None:
        """Messages of a wait. A record among them, from before the pause, is lost to the position: all is rewound."""
        if any(self._readable(message) for message in messages):
            self._assignment.rewind()


class _phase:  # noqa: N801 - reads as a phrase at the call
    """Adds the wall time of a block to the loop's account."""

    def __init__(self, name: str) -> None:
        self._counter = metrics.loop_phase.labels(name)

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._counter.inc(time.perf_counter() - self._began)

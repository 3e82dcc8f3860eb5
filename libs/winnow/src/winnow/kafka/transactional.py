"""The exactly-once loop: outputs, state, cursor and offsets of a batch in one Kafka transaction.

No transaction is ever open across a poll, so a rebalance only drops state, and a dead process leaves at most one
transaction that the broker aborts. The steps are in `docs/decisions/0002-transactional-loop.md`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from winnow import metrics
from winnow.errors import DependencyDown
from winnow.health import Health
from winnow.kafka import config
from winnow.kafka.assignment import Assignment, Owned
from winnow.kafka.lag import TimeLag
from winnow.kafka.record import Record, record_of
from winnow.settings import KafkaSettings

log = structlog.get_logger()

StateT = TypeVar("StateT")
ExtractT = TypeVar("ExtractT")

POLL_S = 0.1
CHUNK = 4
"""Records extracted in one go where as many are at hand: handing one to a thread costs 30 us."""

INIT_S = 2.0
CALL_S, GRACE_S = 15.0, 2.0
"""As long as a transaction may be open: what has not ended by then does not end any more."""


_Chunk = tuple[list[Record], Future[list[ExtractT]]]


@dataclass(frozen=True, slots=True)
class Output:
    """A record to produce; its partition is always the input's."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decided(Generic[StateT]):
    """What a batch of one partition leads to. `state` takes effect, and `committed` is called, after the commit."""

    outputs: list[Output]
    state: StateT
    committed: Callable[[], None]


class Processor(Protocol[StateT, ExtractT]):
    """A service's part of the loop. Nothing in it may keep state beside what it is given and gives back."""

    def waits_for(self) -> str:
        """What it needs before it can decide; empty when it can."""

    def extract(self, record: Record) -> ExtractT:
        """What depends on the record alone; called from several threads. Raises `DependencyDown` to be called again."""

    def restore(self, partition: int, records: Iterable[Record]) -> tuple[StateT, int | None]:
        """State and cursor from the state topic's records; the cursor is None where there is none yet."""

    def decide(self, state: StateT, batch: list[tuple[Record, ExtractT]]) -> Decided[StateT]:
        """Outputs and next state for records in the order of their offsets."""

    def cursor(self, next_offset: int) -> Output:
        """The state record that says how far the partition is judged."""

    def start(self, offset: int) -> Output:
        """The state record that says where the partition's accounting begins."""

    def expired(self, first: int, last: int) -> Output:
        """The state record of a range that retention took."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a loop paces itself."""

    group: str
    topic: str
    state_topic: str
    instance: str
    threads: int = 2
    batch_max: int = 64
    batch_bytes: int = 32 * 1024 * 1024
    linger_s: float = 0.04


class TransactionalLoop(Generic[StateT, ExtractT]):
    """A group member that judges its partitions' records exactly once."""

    def __init__(
        self,
        processor: Processor[StateT, ExtractT],
        settings: LoopSettings,
        kafka: KafkaSettings,
        health: Health,
    ) -> None:
        self._processor = processor
        self._settings = settings
        self._health = health
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="extract")
        self._producer_config = config.transactional_producer(
            kafka, f"{settings.group}.{settings.instance}", client_id=settings.instance
        )
        self._producer = Producer(self._producer_config)
        self._consumer = Consumer(
            {
                **config.consumer(kafka, settings.group, client_id=settings.instance),
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._lag = TimeLag(settings.topic)
        self._assignment: Assignment[StateT] = Assignment(processor, settings, kafka, self._consumer)

    def run(self, stop: threading.Event) -> None:
        """Turns until `stop` is set; then the batch at hand is finished, and the group is left.

        Raises `StateMismatch`, and `KafkaException` for fatal errors: the process must end and start anew.
        """
        # Aborts what a dead process of this instance left open, so that readers are not held until its time-out.
        if not self._initialised(stop):
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

    def _initialised(self, stop: threading.Event) -> bool:
        self._health.not_ready("waiting for the broker")
        while not stop.is_set():
            try:
                self._producer.init_transactions(INIT_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                self._health.beat()
            else:
                return True
        return False

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
        if batch or self._assignment.has_marks:
            self._judge(batch, metadata, stop)

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
        with _phase("extract"):
            extracted = self._extracted(batch, stop)
        if extracted is None:
            self._rewind({r.partition: r.offset for chunk, _ in reversed(batch) for r in reversed(chunk)})
            return
        by_partition: dict[int, list[tuple[Record, ExtractT]]] = {p: [] for p in self._assignment.marked}
        for record, features in extracted:
            records = by_partition.setdefault(record.partition, [])
            if not records or record.offset > records[-1][0].offset:
                records.append((record, features))
        decided: dict[int, tuple[Owned[StateT], Decided[StateT], int]] = {}
        with _phase("decide"):
            for partition, records in by_partition.items():
                owned = self._assignment[partition]
                next_offset = records[-1][0].offset + 1 if records else owned.next_offset
                decided[partition] = (owned, self._processor.decide(owned.state, records), next_offset)
        with _phase("produce"), metrics.transaction_time.time():
            committed = self._transact(decided, metadata, stop)
        if not committed:
            self._rewind({partition: owned.next_offset for partition, (owned, _, _) in decided.items()})
            return
        for partition, (owned, decision, next_offset) in decided.items():
            self._assignment.advance(partition, owned, decision.state, next_offset)
            decision.committed()
        metrics.records.labels(self._settings.topic).inc(len(extracted))

    def _extracted(self, batch: list[_Chunk[ExtractT]], stop: threading.Event) -> list[tuple[Record, ExtractT]] | None:
        """The extractions of a batch; those whose server was away are repeated. None when the service is to stop."""
        done: list[tuple[Record, ExtractT]] = []
        for chunk, future in batch:
            current = future
            while True:
                try:
                    # What was revoked while the batch was collected is another member's now.
                    pairs = zip(chunk, current.result(), strict=True)
                    done += [pair for pair in pairs if self._assignment.expects(pair[0])]
                except DependencyDown as error:
                    metrics.dependency_down.labels(str(error).split(":", 1)[0]).inc()
                    log.warning("waiting; nothing is skipped", reason=str(error))
                    self._health.beat()
                    if stop.wait(0.5):
                        return None
                    current = self._threads.submit(self._extract, chunk)
                else:
                    break
        return done

    # --- produce ------------------------------------------------------------------------------------------------

    def _transact(
        self, decided: dict[int, tuple[Owned[StateT], Decided[StateT], int]], metadata: Any, stop: threading.Event
    ) -> bool:
        """Commits everything or nothing; False: nothing, and it may be tried again. Raises `KafkaException`."""
        offsets = [TopicPartition(self._settings.topic, p, next_offset) for p, (_, _, next_offset) in decided.items()]
        try:
            self._producer.begin_transaction()
            for partition, (owned, decision, next_offset) in decided.items():
                for output in [*owned.marks, *decision.outputs, self._processor.cursor(next_offset)]:
                    self._produce(partition, output)
            with self._health.waiting("the broker"):
                _in_time(self._producer.send_offsets_to_transaction, offsets, metadata, CALL_S)
                _in_time(self._producer.commit_transaction, CALL_S)
        except TimeoutError as error:
            metrics.transactions_aborted.inc()
            self._replace_producer(str(error), stop)
            return False
        except KafkaException as error:
            reason = error.args[0]
            if not (reason.fatal() or reason.txn_requires_abort() or reason.retriable()):
                raise
            log.warning("transaction aborted; its records are judged again", error=str(reason))
            metrics.transactions_aborted.inc()
            if reason.code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED):
                raise  # another process has this one's name
            if not (reason.txn_requires_abort() and self._aborted()):
                self._replace_producer(str(reason), stop)
            return False
        return True

    def _aborted(self) -> bool:
        with self._health.waiting("the broker"):
            try:
                _in_time(self._producer.abort_transaction, CALL_S)
            except (KafkaException, TimeoutError) as error:
                log.warning("the transaction could not be aborted", error=str(error))
                return False
        return True

    def _replace_producer(self, reason: str, stop: threading.Event) -> None:
        """A new producer ends what the old one left open, and the state is read back.

        Whether the old one's commit went through, the state's cursor tells.
        """
        log.error("a new producer takes over", error=reason)
        self._producer = Producer(self._producer_config)
        if self._initialised(stop):
            self._assignment.restore_all_anew()

    def _produce(self, partition: int, output: Output) -> None:
        while True:
            try:
                self._producer.produce(
                    output.topic, output.value, output.key, partition=partition, headers=output.headers
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _rewind(self, offsets: dict[int, int]) -> None:
        for partition, offset in offsets.items():
            self._assignment.seek(partition, offset)


def _in_time(call: Callable[..., object], *arguments: object) -> None:
    """Calls on a thread of its own. Raises what the call raises, and `TimeoutError` when it does not come back.

    With a broker away for ten seconds, `send_offsets_to_transaction` was seen to stay for minutes, whatever time-out it
    was given (librdkafka 2.16). The thread is left behind with its producer; the next producer's start fences it off.
    """
    future: Future[None] = Future()

    def run() -> None:
        try:
            call(*arguments)
        except BaseException as error:  # goes to whoever waits
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="transaction", daemon=True).start()
    try:
        future.result(CALL_S + GRACE_S)
    except TimeoutError:
        raise TimeoutError(f"{getattr(call, '__name__', call)} did not come back in {CALL_S + GRACE_S:g} s") from None


class _phase:  # noqa: N801 - reads as a phrase at the call
    """Adds the wall time of a block to the loop's account."""

    def __init__(self, name: str) -> None:
        self._counter = metrics.loop_phase.labels(name)

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._counter.inc(time.perf_counter() - self._began)

"""The partitions that a transactional loop owns, and the restore of their state whenever one is assigned."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from winnow import metrics
from winnow.errors import DependencyDown, StateMismatch
from winnow.kafka import config
from winnow.kafka.processor import LoopSettings, Output, Processor, StateT
from winnow.kafka.record import Record
from winnow.kafka.restore import last_of_each_key, log_end, log_start
from winnow.settings import KafkaSettings

log = structlog.get_logger()

ANSWER_S = 10.0
"""As long as the broker may take to name a committed offset."""


@dataclass(frozen=True, slots=True)
class Owned(Generic[StateT]):
    """A restored partition. `marks` are state records that go out with its next transaction.

    `expired` is how many offsets the marks say retention took.
    """

    state: StateT
    next_offset: int
    marks: tuple[Output, ...] = ()
    expired: int = 0


@dataclass(slots=True)
class _Restoring(Generic[StateT]):
    cancelled: threading.Event = field(default_factory=threading.Event)
    future: Future[Owned[StateT] | None] | None = None


class Assignment(Generic[StateT]):
    """What this member owns: partitions being restored (paused) and those restored (running).

    Callbacks and all other methods run on the loop's thread; only `_restore` runs on threads of its own.
    """

    def __init__(
        self, processor: Processor[StateT, Any], settings: LoopSettings, kafka: KafkaSettings, consumer: Consumer
    ) -> None:
        self._processor = processor
        self._settings = settings
        self._kafka = kafka
        self._consumer = consumer
        self._offsets = Consumer(config.consumer(kafka, settings.group, client_id=f"{settings.instance}-offsets"))
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="restore")
        self._restoring: dict[int, _Restoring[StateT]] = {}
        self._owned: dict[int, Owned[StateT]] = {}
        self.joined = False
        self.rebalances = 0

    def subscribe(self) -> None:
        self._consumer.subscribe(
            [self._settings.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def close(self) -> None:
        for restoring in self._restoring.values():
            restoring.cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._offsets.close()

    # --- what the loop asks -------------------------------------------------------------------------------------

    def __getitem__(self, partition: int) -> Owned[StateT]:
        return self._owned[partition]

    @property
    def unrestored(self) -> int:
        return len(self._restoring)

    @property
    def marked(self) -> list[int]:
        """Partitions that have marks to write."""
        return [partition for partition, owned in self._owned.items() if owned.marks]

    @property
    def has_marks(self) -> bool:
        return any(owned.marks for owned in self._owned.values())

    def expects(self, record: Record) -> bool:
        """Whether a record is of a partition that runs here, and not one from before a seek."""
        owned = self._owned.get(record.partition)
        return owned is not None and record.offset >= owned.next_offset

    def running(self) -> list[TopicPartition]:
        """The partitions that run, each at the offset that is judged next."""
        return [TopicPartition(self._settings.topic, p, owned.next_offset) for p, owned in self._owned.items()]

    def advance(self, partition: int, before: Owned[StateT], state: StateT, next_offset: int) -> None:
        """Takes over what a committed transaction has made so, unless the partition was lost meanwhile."""
        # Not where a restore finds the range: until it is written, every restore finds it again.
        metrics.expired_records.labels(self._settings.topic).inc(before.expired)
        if self._owned.get(partition) is before:
            self._owned[partition] = Owned(state, next_offset)

    def rewind(self) -> None:
        """Back to what is judged next, wherever it was read on."""
        for where in self.running():
            try:
                self._consumer.seek(where)
            except KafkaException as error:
                log.warning("no seek; the partition is restored anew", partition=where.partition, error=str(error))
                self.restore_anew(where.partition)

    # --- rebalance ----------------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.joined = True
        self.rebalances += 1
        if partitions:
            self._begin_paused(consumer, [p.partition for p in partitions])
        log.info("assigned", partitions=[p.partition for p in partitions])

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.rebalances += 1
        for partition in partitions:
            self._drop(partition.partition)
        consumer.incremental_unassign(partitions)
        log.info("revoked", partitions=[p.partition for p in partitions])

    def _drop(self, partition: int) -> None:
        self._owned.pop(partition, None)
        restoring = self._restoring.pop(partition, None)
        if restoring is not None:
            restoring.cancelled.set()

    # --- restore ------------------------------------------------------------------------------------------------

    def restore_anew(self, partition: int) -> None:
        """Drops a partition's state and restores it, as after an assignment."""
        if partition in self._owned:
            self._drop(partition)
            # Not a pause: a partition whose offset was out of range is not fetched any more, and refuses a seek.
            self._consumer.incremental_unassign([TopicPartition(self._settings.topic, partition)])
            self._begin_paused(self._consumer, [partition])

    def restore_all_anew(self) -> None:
        """As `restore_anew`, for every partition that runs."""
        for partition in list(self._owned):
            self.restore_anew(partition)

    def adopt_restored(self) -> None:
        """Lets every partition run whose restore has ended. Raises what the restore raised."""
        for partition, restoring in list(self._restoring.items()):
            if restoring.future is None or not restoring.future.done():
                continue
            owned = restoring.future.result()
            if owned is None:
                continue
            where = TopicPartition(self._settings.topic, partition, owned.next_offset)
            try:
                self._consumer.seek(where)
            except KafkaException as error:
                log.info("the partition is not ready for a seek yet", partition=partition, error=str(error))
                continue
            self._consumer.resume([where])
            del self._restoring[partition]
            self._owned[partition] = owned
            log.info("restored", partition=partition, next_offset=owned.next_offset)

    def _begin_paused(self, consumer: Consumer, partitions: list[int]) -> None:
        # Any valid offset will do: the partitions are paused until their state says where to go on.
        starts = [TopicPartition(self._settings.topic, partition, OFFSET_BEGINNING) for partition in partitions]
        consumer.incremental_assign(starts)
        consumer.pause(starts)
        for partition in partitions:
            restoring: _Restoring[StateT] = _Restoring()
            restoring.future = self._pool.submit(self._restore, partition, restoring.cancelled)
            self._restoring[partition] = restoring

    def _restore(self, partition: int, cancelled: threading.Event) -> Owned[StateT] | None:
        """The partition's state and the offset to go on at; None when the partition was lost meanwhile."""
        while not cancelled.is_set():
            try:
                with metrics.restore_time.time():
                    return self._restore_once(partition, cancelled)
            except DependencyDown as error:
                log.warning("waiting; the partition is not restored yet", partition=partition, reason=str(error))
                cancelled.wait(0.5)
        return None

    def _restore_once(self, partition: int, cancelled: threading.Event) -> Owned[StateT] | None:
        committed = self._committed(partition)
        records = last_of_each_key(
            self._kafka,
            self._settings.state_topic,
            partition,
            client_id=f"{self._settings.instance}-restore-{partition}",
            cancelled=cancelled.is_set,
        )
        state, cursor = self._processor.restore(partition, records)
        if cancelled.is_set():
            return None
        if committed is not None and committed != cursor:
            raise StateMismatch(
                f"{self._settings.topic}, partition {partition}: the group's committed offset is {committed}, but the "
                f"state's cursor is {cursor}; nothing was judged. The cursor is what has been judged: to go on there, "
                f"stop the selector and run `winnow topics reset-offset {partition}`"
            )
        with AdminClient(config.admin(self._kafka)) as admin:
            first = log_start(admin, self._settings.topic, partition)
            end = log_end(admin, self._settings.topic, partition)
        if cursor is not None and cursor > end:
            raise StateMismatch(
                f"{self._settings.topic}, partition {partition}: the cursor is {cursor}, but the log ends at {end}; "
                "nothing was judged. The topic was made anew under its old state: give it a new namespace, or delete "
                f"{self._settings.state_topic} too"
            )
        if cursor is None:
            log.info("the partition has no cursor: its accounting begins here", partition=partition, offset=first)
            return Owned(state, first, (self._processor.start(first),))
        if first > cursor:
            log.error(
                "retention took frames before they were judged", partition=partition, first=cursor, last=first - 1
            )
            return Owned(state, first, (self._processor.expired(cursor, first - 1),), expired=first - cursor)
        return Owned(state, cursor)

    def _committed(self, partition: int) -> int | None:
        """The group's committed offset. Raises `DependencyDown`, also while a transaction that moves it is open.

        By a consumer that never joins: the loop's own waits, from another thread, for as long as that one polls, and an
        AdminClient's list_consumer_group_offsets ends the process where the group's coordinator has moved (librdkafka
        2.16, its issue 5040).
        """
        try:
            (found,) = self._offsets.committed([TopicPartition(self._settings.topic, partition)], timeout=ANSWER_S)
        except KafkaException as error:
            raise DependencyDown(f"broker: committed offset of partition {partition}: {error}") from error
        if found.error is not None:
            raise DependencyDown(f"broker: committed offset of partition {partition}: {found.error}")
        return found.offset if found.offset >= 0 else None

"""Ends, committed offsets and tails of topics, as the balance and traces need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from ledger.domain.ranges import Range
from winnow.errors import DependencyDown, Refused
from winnow.kafka import config
from winnow.kafka.record import Record
from winnow.kafka.restore import read_span, span_consumer
from winnow.settings import KafkaSettings

TIMEOUT_S = 20

_retried = retry(
    retry=retry_if_exception_type(DependencyDown),
    stop=stop_after_delay(TIMEOUT_S),
    wait=wait_exponential(0.05, max=0.5),
    reraise=True,
)


class Topics:
    """Reads topics without a group. Every call raises `DependencyDown`."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._admin = AdminClient(config.admin(settings))

    def names(self) -> list[str]:
        """Every topic of the broker."""
        try:
            return sorted(self._admin.list_topics(timeout=TIMEOUT_S).topics)
        except KafkaException as error:
            raise DependencyDown(f"broker: {error}") from error

    def cluster(self) -> str:
        """The cluster's id."""
        try:
            return str(self._admin.list_topics(timeout=TIMEOUT_S).cluster_id)
        except KafkaException as error:
            raise DependencyDown(f"broker: {error}") from error

    def partitions(self, topic: str) -> list[int]:
        """Raises `Refused` where there is no such topic."""
        try:
            found = self._admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        except KafkaException as error:
            raise DependencyDown(f"broker: {error}") from error
        if found.error is not None:
            raise Refused(f"there is no topic {topic}; `winnow topics apply` makes it")
        return sorted(found.partitions)

    def starts(self, topic: str) -> dict[int, int]:
        """The first offset that retention has left, by partition."""
        return self._offsets(topic, OffsetSpec.earliest())

    def ends(self, topic: str) -> dict[int, int]:
        """The last stable offset, by partition: where a read_committed reader's end is."""
        return self._offsets(topic, OffsetSpec.latest())

    @_retried
    def _offsets(
        self, topic: str, spec: OffsetSpec, isolation: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): spec for partition in self.partitions(topic)}
        futures = self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=TIMEOUT_S)
        try:
            return {where.partition: int(future.result().offset) for where, future in futures.items()}
        except KafkaException as error:
            raise DependencyDown(f"broker: offsets of {topic}: {error}") from error

    @_retried
    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's committed offsets; partitions without one are left out. Waits for open transactions."""
        asked = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        request = ConsumerGroupTopicPartitions(group, asked)
        futures = self._admin.list_consumer_group_offsets([request], require_stable=True, request_timeout=TIMEOUT_S)
        try:
            found = futures[group].result().topic_partitions or []
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise DependencyDown(f"broker: committed offsets of {group}: {error}") from error
        for one in found:
            if one.error is not None:
                raise DependencyDown(f"broker: committed offset of {group}, {topic}/{one.partition}: {one.error}")
        return {one.partition: one.offset for one in found if one.offset >= 0}

    def tail(self, topic: str, since: dict[int, int]) -> Iterator[Record]:
        """Committed records from the offsets of `since` on, to where the topic ended at the call.

        Where `since` has none, and where retention was quicker, from the beginning. Waits for open transactions.
        """
        # Not the last stable offset: what an open transaction holds back may be what is looked for.
        ends = self._offsets(topic, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        spans = {p: Range(max(start, since.get(p, 0)), ends[p] - 1) for p, start in self.starts(topic).items()}
        return self.read(topic, {partition: [span] for partition, span in spans.items()})

    def read(self, topic: str, spans: Mapping[int, Iterable[Range]]) -> Iterator[Record]:
        """Committed records within ranges of offsets, by partition, each of which begins where there is a log."""
        wanted = [(partition, span) for partition, ranges in spans.items() for span in ranges if span.size > 0]
        if not wanted:
            return
        consumer = span_consumer(self._settings, client_id=self._client_id)
        try:
            for partition, span in wanted:
                yield from read_span(consumer, topic, partition, span.first, span.last + 1)
        finally:
            consumer.close()

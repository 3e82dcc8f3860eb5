"""Ends, committed offsets and tails of topics, as the balance and traces need them."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from winnow.errors import DependencyDown, Refused
from winnow.kafka import config
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings

TIMEOUT_S = 20


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

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): spec for partition in self.partitions(topic)}
        futures = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_S
        )
        try:
            return {where.partition: int(future.result().offset) for where, future in futures.items()}
        except KafkaException as error:
            raise DependencyDown(f"broker: offsets of {topic}: {error}") from error

    @retry(
        retry=retry_if_exception_type(DependencyDown),
        stop=stop_after_delay(TIMEOUT_S),
        wait=wait_exponential(0.05, max=0.5),
        reraise=True,
    )
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
        """Committed records from the offsets of `since` on; where it has none, from the beginning."""
        for partition, start in self.starts(topic).items():
            # Never below the log's start: the client would go to the end then, in silence.
            first = max(start, since.get(partition, 0))
            yield from read_to_end(self._settings, topic, partition, client_id=self._client_id, start=first)

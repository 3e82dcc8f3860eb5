"""One namespace on the real servers: its input, its group, and what a committed reader finds there."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from winnow.clock import from_ms
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import SelectionPolicy
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings
from winnow_cli.chaos.feed import InputRecord
from winnow_cli.deployment.apply import Contract
from winnow_cli.stack import Stack

SESSION_S = 3.0
"""The shortest that the local broker allows: how long a dead member keeps its partitions."""

POLICY = SelectionPolicy(
    kept_per_hour=1200.0,
    burst=10.0,
    changed_at=from_ms(0),
    control_every_s=10.0,
    split_block_s=20.0,
    sampling_key=b"the same in every run: 32 bytes.",
)
TIMEOUT_S = 90.0
ASK_EVERY_S = 0.02
ANSWER_S = 1.0
"""For so long the group's offsets are waited for while a transaction may still move them."""


def until(ask: Callable[[], Any], what: Callable[[], str]) -> None:
    """Waits until `ask` gives what is true. Raises `WinnowError` saying `what` did not come in time."""
    end = time.monotonic() + TIMEOUT_S
    while not ask():
        if time.monotonic() > end:
            raise WinnowError(f"not within {TIMEOUT_S:g} s: {what()}")
        time.sleep(ASK_EVERY_S)


@contextmanager
def arena(stack: Stack, namespace: str) -> Iterator[Arena]:
    """An arena with its topics. Its clients end with the block, and not where garbage collection comes upon them."""
    kafka = KafkaSettings(
        namespace=namespace,
        profile="local",
        kafka_bootstrap=stack.env["WINNOW_KAFKA_BOOTSTRAP"],
        registry_url=stack.env["WINNOW_REGISTRY_URL"],
        group_protocol="consumer",
    )
    env = {**stack.env, "WINNOW_NAMESPACE": namespace, "WINNOW_PROFILE": "local"}
    # A consumer of the group that never joins it: an AdminClient that hears from the broker that it does not coordinate
    # the group, as at a group's first use, ends the process with a segmentation fault (librdkafka 2.16).
    of_group = {"group.id": kafka.names.group("selector"), "isolation.level": "read_committed"}
    with (
        AdminClient(config.admin(kafka)) as admin,
        Producer(config.producer(kafka, client_id="chaos-feed")) as producer,
        Consumer({**config.reader(kafka, client_id="chaos-offsets"), **of_group}) as offsets,
    ):
        yield Arena(kafka, env, admin, producer, offsets)


class Arena:
    """The input's timestamps are the ones it is given, so that two arenas may have the same."""

    def __init__(
        self, kafka: KafkaSettings, env: dict[str, str], admin: AdminClient, producer: Producer, offsets: Consumer
    ) -> None:
        self.kafka = kafka
        self.env = env
        self._admin = admin
        self._producer = producer
        self._offsets = offsets
        self.names = self.kafka.names
        self.group = self.names.group("selector")
        contract = Contract(self.kafka)
        contract.apply(POLICY)
        self._partitions = {topic.name: topic.partitions for topic in contract.topics}
        self.partitions = self._partitions[self.names.frames]
        self._configure(ResourceType.TOPIC, self.names.frames, "message.timestamp.type", "CreateTime")
        self._configure(ResourceType.GROUP, self.group, "consumer.session.timeout.ms", str(int(SESSION_S * 1000)))
        self.codec = Codec(self.kafka.registry_url)
        publisher = Publisher(self.kafka, client_id="chaos-policy")
        publisher.publish(self.names.policies, "default", self.codec.encode(self.names.policies, POLICY))
        publisher.flush()
        self.fed = [0] * self.partitions

    def _configure(self, kind: ResourceType, name: str, key: str, value: str) -> None:
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(kind, name, incremental_configs=[entry])
        for done in self._admin.incremental_alter_configs([resource]).values():
            done.result(30)

    def feed(self, records: list[InputRecord]) -> None:
        """Input, acknowledged when this returns."""
        for record in records:
            self._producer.produce(
                self.names.frames,
                record.value,
                record.key,
                partition=record.partition,
                timestamp=record.timestamp_ms,
            )
            self.fed[record.partition] += 1
        if self._producer.flush(60):
            raise WinnowError("the broker did not take the input")

    # --- how far it is ------------------------------------------------------------------------------------------

    def judged(self) -> bool:
        """Whether the group has committed all that was fed."""
        return self.committed() == self.fed

    def committed(self) -> list[int]:
        """The group's committed offsets by partition; -1 for none, or while a transaction may still move it."""
        where = [TopicPartition(self.names.frames, partition) for partition in range(self.partitions)]
        try:
            found = self._offsets.committed(where, timeout=ANSWER_S)
        except KafkaException:
            return [-1] * self.partitions
        offsets = {one.partition: one.offset for one in found if one.error is None}
        return [max(-1, offsets.get(partition, -1)) for partition in range(self.partitions)]

    def ends(self, isolation: IsolationLevel) -> list[int]:
        """Of the verdicts, by partition, where a reader of this isolation stops."""
        asked = {TopicPartition(self.names.verdicts, p): OffsetSpec.latest() for p in range(self.partitions)}
        futures = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=10)
        wait(futures.values())  # all of them, also where one says that it failed
        return [int(futures[where].result().offset) for where in asked]

    def shares(self) -> list[tuple[str, int]]:
        """The group's members by instance, each with the number of its partitions."""
        try:
            described = self._admin.describe_consumer_groups([self.group], request_timeout=10)[self.group].result()
        except KafkaException:
            return []
        return [(m.client_id, len(m.assignment.topic_partitions if m.assignment else [])) for m in described.members]

    # --- what is there ------------------------------------------------------------------------------------------

    def records(self, topic: str) -> Iterator[Record]:
        """All committed records of a topic, by partition and offset."""
        reads = (
            read_to_end(self.kafka, topic, partition, client_id=f"chaos-{partition}")
            for partition in range(self._partitions[topic])
        )
        return itertools.chain.from_iterable(reads)

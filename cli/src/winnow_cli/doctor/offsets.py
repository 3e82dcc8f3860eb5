"""Offsets by time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ledger.domain.ranges import END
from winnow.clock import to_ms
from winnow.errors import DependencyDown


def first_since(admin: AdminClient, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
    """The first offset since a moment, by partition; beyond every end where nothing came. Raises `DependencyDown`."""
    spec = OffsetSpec.for_timestamp(to_ms(moment))
    futures = admin.list_offsets({TopicPartition(topic, partition): spec for partition in partitions})
    try:
        offsets = {where.partition: int(future.result().offset) for where, future in futures.items()}
    except KafkaException as error:
        raise DependencyDown(f"broker: offsets of {topic}: {error}") from error
    return {partition: offset if offset >= 0 else END for partition, offset in offsets.items()}

"""The selector's committed offset, put back to what its state says has been judged."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from winnow.codec import Codec
from winnow.errors import DependencyDown, Refused
from winnow.events import SelectorState
from winnow.kafka import config
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings

CURSOR = b"cursor"
PATIENCE_S = 30


def reset_offset(settings: KafkaSettings, partition: int) -> int:
    """Commits the state's cursor of a partition for the selector's group, and returns it.

    The broker takes it only while the group has no member; a selector that stops and starts again leaves such moments.
    Raises `Refused` where there is no cursor or the group never is empty, `DependencyDown`.
    """
    names, codec, cursor = settings.names, Codec(settings.registry_url), None
    for record in read_to_end(settings, names.state, partition, client_id="winnow-offsets"):
        if record.key == CURSOR:
            found = codec.decode(SelectorState, record.value).cursor
            cursor = found.next_offset if found is not None else cursor
    if cursor is None:
        raise Refused(f"{names.state}, partition {partition}: there is no cursor; nothing was changed")
    _commit(settings, TopicPartition(names.frames, partition, cursor))
    return cursor


@retry(retry=retry_if_exception_type(Refused), stop=stop_after_delay(PATIENCE_S), wait=wait_fixed(0.2), reraise=True)
def _commit(settings: KafkaSettings, offset: TopicPartition) -> None:
    group = settings.names.group("selector")
    admin = AdminClient(config.admin(settings))
    futures = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [offset])])
    try:
        done = futures[group].result().topic_partitions[0]
    except KafkaException as error:
        raise DependencyDown(f"broker: {error}") from error
    if done.error is not None:
        raise Refused(
            f"{offset.topic}, partition {offset.partition}: the broker did not take the offset: {done.error}. "
            "Stop every selector of this namespace and run this again; nothing was changed"
        )

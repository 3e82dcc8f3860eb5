"""Any tool of the Kafka world reads the topics: Confluent's own deserialisers, told nothing but the registry."""

import json
import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, StringDeserializer
from tests.support.pictures import frame, stream
from tests.support.world import eventually

from winnow import contract
from winnow.clock import now
from winnow.events import Camera, StoredImage, Verdict
from winnow.kafka.producer import Publisher

pytestmark = pytest.mark.stack

NOT_AVRO = b"not avro at all"


def read(world, topic):
    """Every record of a topic by a client that knows only the broker."""
    consumer = Consumer(
        {
            "bootstrap.servers": world.kafka.kafka_bootstrap,
            "group.id": "somebody-else",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        open_ones, found, until = set(partitions), [], time.monotonic() + 30
        while open_ones:
            assert time.monotonic() < until, f"{topic} could not be read to its end"
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                open_ones.discard(message.partition())
            else:
                found.append(message)
        return found
    finally:
        consumer.close()


@pytest.fixture
def filled(world):
    """A world in which every topic has records."""
    for service in ("selector", "store", "ledger"):
        world.start(service, WINNOW_LEDGER_LINGER_S="0.3")
    publisher = Publisher(world.kafka, client_id="test")
    camera = Camera("yard", now(), name="The yard", group="outside")
    publisher.publish(world.names.cameras, "yard", world.codec.encode(world.names.cameras, camera))
    for topic in (world.names.frames, world.names.verdicts, world.names.selected):
        publisher.publish(topic, "yard", NOT_AVRO)
    publisher.flush()
    frames = [*stream("yard", 15), frame("yard", 99, b"GIF89a"), *stream("yard", 2)]
    world.publish(frames)
    letters = [topic.name for topic in contract.load_topics(world.names, "local") if topic.record is None]
    eventually(lambda: len(readable(world.names.verdicts, world, Verdict)) == len(frames) + 1, what="verdicts")
    eventually(lambda: readable(world.names.images, world, StoredImage), what="images")
    for topic in letters:
        eventually(lambda topic=topic: world.records(topic), what=f"records of {topic}")
    return world


def readable(topic, world, kind):
    return [world.codec.decode(kind, r.value) for r in world.records(topic) if r.value != NOT_AVRO]


def test_standard_deserialisers_read_every_topic(filled):
    world = filled
    registry = SchemaRegistryClient({"url": world.kafka.registry_url})
    value_of, key_of = AvroDeserializer(registry), StringDeserializer("utf_8")
    for topic in contract.load_topics(world.names, "local"):
        messages = read(world, topic.name)
        assert messages, f"{topic.name} has no record: this test shows nothing of it"
        for message in messages:
            key = key_of(message.key(), SerializationContext(topic.name, MessageField.KEY))
            assert key
            if topic.record is None or message.value() == NOT_AVRO:
                continue
            value = value_of(message.value(), SerializationContext(topic.name, MessageField.VALUE))
            fields = [field["name"] for field in json.loads(contract.schema(topic.record))["fields"]]
            assert list(value) == fields
            if topic.key == "camera id":
                assert value["camera_id"] in (key, None)
            if topic.key == "image id":
                assert value["image_id"] == key


def test_dead_letters_are_the_bytes_as_they_came(filled):
    world = filled
    for topic, service in (
        (world.names.frames, "selector"),
        (world.names.selected, "store"),
        (world.names.verdicts, "ledger"),
    ):
        letters = read(world, world.names.dead_letters(topic, service))
        (letter,) = [message for message in letters if message.value() == NOT_AVRO]
        headers = dict(letter.headers())
        assert letter.key() == b"yard"
        assert headers["winnow-topic"] == topic.encode()
        assert headers["winnow-service"] == service.encode()
        (original,) = [message for message in read(world, topic) if message.value() == NOT_AVRO]
        assert headers["winnow-partition"] == str(original.partition()).encode()
        assert headers["winnow-offset"] == str(original.offset()).encode()

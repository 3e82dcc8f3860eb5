"""A plain topic of pictures: its keys are cameras, and every record of it is a frame, once, or a dead letter."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from PIL import Image
from tests.support.door import Door
from tests.support.pictures import picture
from tests.support.world import Service, World, environment, eventually
from typer.testing import CliRunner

from ingest.adapters.encode import as_jpeg
from ingest.adapters.topic import TopicFrames, prepare
from ingest.app import frame_records
from ingest.settings import IngestSettings
from winnow.clock import from_ms
from winnow.errors import DependencyDown
from winnow.events import Frame, ImageRef
from winnow.identity import frame_id_of_record
from winnow.kafka import config, deadletter
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow_cli.commands import dlq
from winnow_cli.deadletters.asked import chosen
from winnow_cli.deadletters.describe import Describer
from winnow_cli.deadletters.reading import DeadLetters

pytestmark = pytest.mark.stack

PARTITIONS = 2


@pytest.fixture
def topic(world: World) -> Iterator[str]:
    """A topic as cameras write to it, of that world alone."""
    name = f"plain-{world.namespace}"
    admin = AdminClient(config.admin(world.kafka))
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(10)
    yield name
    admin.delete_topics([name])


def ingest(world: World, topic: str, instance: str = "ingest-0", *, wait: bool = True, **env: str) -> Service:
    sources = json.dumps([{"source": f"topic:{topic}"}])
    return world.start("ingest", instance=instance, wait=wait, WINNOW_INGEST_SOURCES=sources, **env)


def cameras_send(
    world: World, topic: str, records: list[tuple[str | bytes | None, bytes | None, dict[str, str], int]]
) -> None:
    """Key, value, headers and the record's own time in ms."""
    producer = Producer({**config.producer(world.kafka, client_id="test-cameras")})
    for key, value, headers, at_ms in records:
        producer.produce(topic, value, key, headers=list(headers.items()), timestamp=at_ms)
    assert producer.flush(30) == 0


def letters(world: World, topic: str) -> list[Record]:
    name = world.names.dead_letters(topic, "ingest")
    return [r for p in range(PARTITIONS) for r in read_to_end(world.kafka, name, p, client_id=f"test-letters-{p}")]


def frames(world: World) -> list[Frame]:
    return world.events(world.names.frames, Frame)


def at_least(world: World, count: int) -> bool:
    return len(frames(world)) >= count


def at(hour: int) -> datetime:
    return datetime(2026, 5, 1, hour, tzinfo=UTC)


OWN_MS = 1_780_000_000_000


def test_records_of_several_cameras_become_frames_and_what_names_none_a_dead_letter(world: World, topic: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 40, 30)).save(out, "PNG")
    large = picture(9) + bytes(1_000_000)
    records: list[tuple[str | bytes | None, bytes | None, dict[str, str], int]] = [
        ("gate", picture(1), {"captured_at": "1777593600000"}, OWN_MS),
        ("yard", picture(2), {"captured_at": "2026-05-01T02:00:00+02:00"}, OWN_MS),
        ("yard", picture(3), {"captured_at": "yesterday"}, OWN_MS),
        ("hall", out.getvalue(), {}, OWN_MS),
        ("hall", b"no picture", {}, OWN_MS),
        ("hall", None, {}, OWN_MS),
        ("hall", large, {}, OWN_MS),
        (None, picture(4), {}, OWN_MS),
        (b"\xff\xfe", picture(5), {"captured_at": "1"}, OWN_MS),
    ]
    cameras_send(world, topic, records)  # before it starts: it begins at the earliest
    service = ingest(world, topic)
    eventually(lambda: at_least(world, 7) and len(letters(world, topic)) == 2, what=service.tail())
    assert service.stop() == 0, service.tail()

    found = frames(world)
    known = {f.frame_id for f in found}
    assert known <= {frame_id_of_record(topic, p, o) for p in range(PARTITIONS) for o in range(10)}
    assert len(known) == len(found) == 7
    keys = [record.key for record in world.records(world.names.frames)]
    assert keys == [f.camera_id.encode() for f in found]
    by_camera = {c: [f for f in found if f.camera_id == c] for c in ("gate", "yard", "hall")}
    assert [(f.image, f.captured_at) for f in by_camera["gate"]] == [(picture(1), at(0))]
    own = datetime.fromtimestamp(OWN_MS / 1000, UTC)
    assert [(f.image, f.captured_at) for f in by_camera["yard"]] == [(picture(2), at(0)), (picture(3), own)]
    png, text, nothing, reference = by_camera["hall"]
    assert (png.image, png.content_type) == (as_jpeg(out.getvalue()), "image/jpeg")
    assert (text.image, text.content_type) == (b"no picture", "application/octet-stream")
    assert nothing.image == b""
    assert isinstance(reference.image, ImageRef)
    assert reference.image.size_bytes == len(large)
    buried = letters(world, topic)
    assert sorted(letter.value or b"" for letter in buried) == sorted([picture(4), picture(5)])
    assert {dict(letter.headers)[deadletter.ERROR] for letter in buried} == {
        b"the camera id is empty",
        b"the key is no camera id: not UTF-8",
    }
    shown = DeadLetters(world.kafka).find(
        chosen(world.kafka, place=None, topic=topic, service=None, error=None, since=None, until=None)
    )
    assert [(letter.own_topic, letter.service) for letter in shown] == [(topic, "ingest")] * 2
    described = [Describer(world.kafka).describe(*one) for one in DeadLetters(world.kafka).records(shown)]
    assert [one["undecodable"] for one in described] == ["not a record of the contract"] * 2
    assert sorted(one["size_bytes"] for one in described) == sorted([len(picture(4)), len(picture(5))])


def test_killed_in_the_middle_each_record_is_one_frame_however_often_it_is_sent(world: World, topic: str) -> None:
    count = 600
    image = picture(1)
    cameras_send(world, topic, [(f"c{n % 3}", image + n.to_bytes(2, "big"), {}, OWN_MS + n) for n in range(count)])
    service = ingest(world, topic)
    eventually(partial(at_least, world, 50), what=service.tail())
    service.kill()
    cut = len(frames(world))
    service = ingest(world, topic, "ingest-1")
    eventually(lambda: len({f.frame_id for f in frames(world)}) == count, what=service.tail())
    assert service.stop() == 0
    found = frames(world)
    images: dict[str | None, set[object]] = {}
    for f in found:
        images.setdefault(f.frame_id, set()).add(f.image)
    assert all(len(of_one) == 1 for of_one in images.values()), "an id never stands for two pictures"
    assert len(found) - count <= 64 + 1, f"repeated is one batch at most; {cut} were there at the kill"
    group = f"{world.names.group('ingest')}.{topic}"
    consumer = Consumer(config.consumer(world.kafka, group, client_id="test-offsets"))
    places = consumer.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], timeout=10)
    consumer.close()
    assert sum(place.offset for place in places) == count, "it goes on behind the last record"


def test_while_the_object_storage_is_away_a_large_picture_waits_and_nothing_is_sent_twice(
    world: World, topic: str
) -> None:
    door = Door(world.env["WINNOW_S3_ENDPOINT"])
    door.shut()
    large = picture(9) + bytes(1_000_000)
    cameras_send(world, topic, [("gate", large if n == 5 else picture(n), {}, OWN_MS + n) for n in range(10)])
    service = ingest(world, topic, WINNOW_S3_ENDPOINT=door.url)
    eventually(lambda: "waiting; nothing is skipped" in service.log.read_text(), what=service.tail())
    door.open()
    eventually(partial(at_least, world, 10), what=service.tail())
    assert service.stop() == 0
    found = frames(world)
    assert [f.captured_at for f in found] == [from_ms(OWN_MS + n) for n in range(10)], "each once, in order"
    assert isinstance(found[5].image, ImageRef)


def test_while_the_broker_gives_no_answer_a_batch_is_not_done_and_its_frames_are_not_sent_again(
    world: World, topic: str
) -> None:
    prepare(world.settings(IngestSettings), topic)
    settings = world.settings(IngestSettings)
    door = Door(f"kafka://{settings.kafka_bootstrap}")
    door.shut()
    away = settings.model_copy(update={"kafka_bootstrap": door.url.removeprefix("kafka://")})
    answers: list[bool] = []
    keys = [b"gate", None, b"yard"]
    batch = [Record(topic, 0, n, key, picture(n), from_ms(OWN_MS + n), ()) for n, key in enumerate(keys)]
    with frame_records(settings) as records:
        handler = TopicFrames(away, records, topic, answers.append)
        for _ in range(2):
            with pytest.raises(DependencyDown, match="3 frames have no answer yet"):
                handler.handle(batch)
        assert answers == []
        door.open()

        def done() -> bool:
            try:
                handler.handle(batch)
            except DependencyDown:
                return False
            return True

        eventually(done, what="the broker's answers")
    assert sorted(answers) == [False, True, True]
    assert sorted(f.camera_id for f in frames(world)) == ["gate", "yard"]
    assert [letter.value for letter in letters(world, topic)] == [picture(1)]


def limit(world: World, size_bytes: int) -> None:
    """The frames topic takes records up to here, as soon as this returns."""
    entry = ConfigEntry("max.message.bytes", str(size_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, world.names.frames, incremental_configs=[entry])
    admin = AdminClient(config.admin(world.kafka))
    admin.incremental_alter_configs([resource])[resource].result(10)

    def takes(size_bytes: int) -> bool:
        try:
            world.publish([Frame("probe", "probe", at(0), 0, "image/jpeg", bytes(size_bytes))])
        except DependencyDown:
            return False
        return True

    eventually(lambda: takes(2 * SMALL_BYTES) is (size_bytes > SMALL_BYTES), what="the limit holds")


SMALL_BYTES = 5_000


def test_letters_of_a_plain_topic_that_are_put_back_become_one_frame_each_or_a_letter_again(
    world: World, topic: str
) -> None:
    limit(world, SMALL_BYTES)
    cameras_send(world, topic, [("gate", picture(1), {"captured_at": "1777593600000"}, OWN_MS)])
    service = ingest(world, topic)
    eventually(lambda: len(letters(world, topic)) == 1, what=service.tail())
    cameras_send(world, topic, [(None, picture(2), {}, OWN_MS)])
    eventually(lambda: len(letters(world, topic)) == 2, what=service.tail())
    limit(world, config.MAX_RECORD_BYTES)

    def redrive(*more: str) -> int:
        with environment(world.env):
            found = CliRunner().invoke(dlq.app, ["redrive", "--topic", topic, "--service", "ingest", "--json", *more])
        assert found.exit_code == 0, found.output
        return int(json.loads(found.stdout.splitlines()[-1])["redriven"])

    assert redrive("--error", "does not take the frame", "--until", "1h") == 0
    assert redrive("--error", "does not take the frame", "--since", "1h") == 1
    assert redrive("--error", "does not take the frame") == 0, "it is back"
    assert redrive("--error", "camera id") == 1
    # To its own letters come the marks of both, and the record that still names no camera.
    eventually(lambda: len(letters(world, topic)) == 5, what=service.tail())
    assert service.stop() == 0
    (frame,) = [f for f in frames(world) if f.camera_id != "probe"]
    assert (frame.camera_id, frame.image, frame.captured_at) == ("gate", picture(1), at(0))
    again = [dict(letter.headers) for letter in letters(world, topic) if letter.value == picture(2)]
    assert [headers.get(deadletter.ATTEMPT) for headers in again] == [b"1", b"2"]


@pytest.mark.parametrize(("name", "said"), [("nowhere", "there is no topic"), ("own", "is Winnow's own topic")])
def test_a_topic_that_cannot_be_taken_is_refused(world: World, name: str, said: str) -> None:
    service = ingest(world, world.names.frames if name == "own" else f"{name}-{world.namespace}", wait=False)
    assert service.process.wait(60) == 1
    assert said in service.tail()

"""`winnow check-producer` on the real broker: cameras that are wrong in every way, and one that is not."""

from __future__ import annotations

import io
import itertools
import json
import socket
import threading
import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cv2
import fastavro
import numpy as np
import pytest
from click.testing import Result
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from tests.support.pictures import frame, picture
from tests.support.world import World, environment
from typer.testing import CliRunner

from winnow import contract
from winnow.clock import now
from winnow.codec import to_record
from winnow.events import Camera, Frame
from winnow.kafka.deadletter import REDRIVEN_FROM
from winnow.kafka.producer import Publisher
from winnow_cli.__main__ import app
from winnow_cli.producers.batch_header import batch_header
from winnow_cli.producers.domain.partitioner import partition_of
from winnow_cli.producers.reading import FramesReader

pytestmark = pytest.mark.stack

FRAMES = 5
PARTITIONS = 4


def check(world: World, *arguments: str, columns: int = 120) -> Result:
    """The command in this process: a Python process for each would take most of the test's time."""
    with environment(world.env):
        return CliRunner().invoke(app, ["check-producer", *arguments], env={"COLUMNS": str(columns)})


def live(camera: str) -> list[Frame]:
    """Frames that a camera takes now."""
    begin = now()
    return [
        replace(one, captured_at=begin + timedelta(milliseconds=index))
        for index in range(FRAMES)
        for one in [frame(camera, index, picture(index + 10 * zlib.crc32(camera.encode()) % 1000))]
    ]


def send(world: World, producer: Producer, records: Iterable[tuple[str | None, bytes]]) -> None:
    for key, value in records:
        producer.produce(world.names.frames, value, key)
    assert producer.flush(30) == 0


def idempotent(world: World, **config: Any) -> Producer:
    right = {"enable.idempotence": True, "partitioner": "murmur2_random"}
    return Producer({"bootstrap.servers": world.kafka.kafka_bootstrap, **right, **config})


def of_another_subject(world: World, frames: list[Frame]) -> list[bytes]:
    """The frames in a schema of somebody's own, which ours reads."""
    schema = json.loads(contract.schema("Frame"))
    schema["fields"].append({"name": "lens", "type": "string", "default": ""})
    registry = SchemaRegistryClient({"url": world.kafka.registry_url})
    number = registry.register_schema(f"{world.namespace}.of-ours-value", Schema(json.dumps(schema), "AVRO"))
    values = []
    for one in frames:
        payload = io.BytesIO()
        fastavro.schemaless_writer(payload, fastavro.parse_schema(dict(schema)), {**to_record(one), "lens": "50 mm"})
        values.append(b"\0" + number.to_bytes(4, "big") + payload.getvalue())
    return values


def progressive() -> bytes:
    image = np.random.default_rng(1).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])


def elsewhere() -> str:
    """A camera id that CRC-32 puts on another partition than murmur2 does."""
    ids = (f"crc-{number}" for number in range(100))
    return next(i for i in ids if zlib.crc32(i.encode()) % PARTITIONS != partition_of(i.encode(), PARTITIONS))


def test_ten_bad_cameras_at_once_and_one_that_is_right(world: World) -> None:
    def encoded(frames: list[Frame], **changes: Any) -> list[bytes]:
        return [world.codec.encode(world.names.frames, replace(one, **changes)) for one in frames]

    right = idempotent(world)
    bad: dict[str, list[bytes]] = {
        "good": encoded(live("good")),
        "bare-jpeg": [picture(1)],
        "unknown-schema": [b"\0\x7f\0\0\x01" + b"x" * 20],
        "own-schema": of_another_subject(world, live("own-schema")),
        "wrong-key": encoded(live("somebody-else")),
        "constant-id": encoded(live("constant-id"), frame_id="frame"),
        "summer-time": encoded(
            [replace(f, captured_at=f.captured_at + timedelta(hours=2)) for f in live("summer-time")]
        ),
        "truncated": encoded(
            [replace(f, image=f.image[:-100]) for f in live("truncated") if isinstance(f.image, bytes)]
        ),
        "progressive": encoded(live("progressive")[:1], image=progressive()),
        "gaps": encoded([replace(f, sequence=index * 3) for index, f in enumerate(live("gaps"))]),
        "still": encoded(live("still"), image=picture(1)),
    }
    crc = elsewhere()
    for key, values in bad.items():
        send(world, right, [(key, value) for value in values])
    send(world, idempotent(world, partitioner="consistent_random"), [(crc, v) for v in encoded(live(crc))])
    packing = {"enable.idempotence": False, "compression.type": "lz4", "linger.ms": 50}
    send(world, idempotent(world, **packing), [("packed", v) for v in encoded(live("packed"))])
    send(world, right, [(None, value) for value in encoded(live("keyless"))])

    done = check(world, "--from-beginning", "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["holds"], told["findings"], told["batches_unread"]) == (False, [], "")
    found = {one["camera"]: {f["code"]: f for f in one["findings"]} for one in told["cameras"]}
    assert {camera: set(codes) for camera, codes in found.items()} == {
        "good": set(),
        "bare-jpeg": {"not_avro"},
        "unknown-schema": {"unknown_schema"},
        "own-schema": {"other_schema"},
        "wrong-key": {"wrong_key"},
        "constant-id": {"constant_id"},
        "summer-time": {"time_zone"},
        "truncated": {"unreadable_image"},
        "progressive": {"progressive", "heavy"},
        "gaps": {"sequence_gap"},
        "still": {"repeats"},
        crc: {"partition"},
        "packed": {"compressed", "not_idempotent"},
        "keyless": {"no_key"},
    }
    assert "a bare JPEG" in found["bare-jpeg"]["not_avro"]["what"]
    assert "CRC-32" in found[crc]["partition"]["what"]
    assert "lz4" in found["packed"]["compressed"]["what"]
    assert found["truncated"]["unreadable_image"]["count"] == FRAMES
    partition, offset = found["gaps"]["sequence_gap"]["example"].split(":")
    records = {(r.partition, r.offset): r.key for r in world.records(world.names.frames)}
    assert records[int(partition), int(offset)] == b"gaps"
    assert told["records"] == len(records)

    good = check(world, "--from-beginning", "--camera", "good")
    assert (good.exit_code, good.stderr) == (0, "")
    assert "nothing to say of good" in good.stdout
    shown = check(world, "--from-beginning", columns=80)
    assert shown.exit_code == 1
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert shown.stdout.index("bare-jpeg") < shown.stdout.index("progressive")


def test_what_was_put_back_from_the_dead_letters_is_held_against_no_camera(world: World) -> None:
    first, *others = live("yard")
    values = [world.codec.encode(world.names.frames, one) for one in (*others, first)]
    send(world, idempotent(world), [("yard", value) for value in values[:-1]])
    redriver = idempotent(world, **{"compression.type": "zstd"})
    redriver.produce(world.names.frames, values[-1], "yard", headers=[(REDRIVEN_FROM, b"letters/0/0")])
    assert redriver.flush(30) == 0
    told = json.loads(check(world, "--from-beginning", "--json").stdout.splitlines()[-1])
    assert (told["records"], told["redriven"], told["cameras"][0]["findings"]) == (FRAMES - 1, 1, [])
    shown = check(world, "--from-beginning").stdout
    assert "Left out: 1 record that `winnow dlq redrive` put back." in shown


def test_a_watch_sees_what_comes_from_now_on_as_the_camera_is_set_up(world: World) -> None:
    publisher = Publisher(world.kafka, client_id="test")
    value = world.codec.encode(world.names.cameras, Camera("yard", now(), partition=3))
    publisher.publish(world.names.cameras, "yard", value)
    publisher.flush()
    world.publish(live("before"))

    reader = FramesReader(world.kafka, world.names.frames, from_beginning=True)
    assert reader.batch_of(0, 10**9) is None, "retention may have taken a record that was seen"
    reader.close()

    quiet = check(world, "--seconds", "0.3")
    assert quiet.exit_code == 1
    assert "got no record" in quiet.stderr
    assert "--from-beginning" in quiet.stderr
    assert json.loads(check(world, "--seconds", "0.3", "--json").stdout)["holds"] is False

    done = threading.Event()

    def film() -> None:
        for index in itertools.count():
            one = replace(frame("yard", index, picture(index)), captured_at=now())
            encoded = world.codec.encode(world.names.frames, one)
            publisher.publish(world.names.frames, "yard", encoded, partition=3)
            publisher.flush()
            if done.wait(0.02):
                return

    thread = threading.Thread(target=film)
    thread.start()
    try:
        watched = check(world, "--records", "4", "--seconds", "60", "--json")
    finally:
        done.set()
        thread.join()
    told = json.loads(watched.stdout.splitlines()[-1])
    assert (watched.exit_code, told["records"]) == (0, 4)
    (camera,) = told["cameras"]
    assert (camera["camera"], camera["partitions"]) == ("yard", [3])
    assert "partition" not in {found["code"] for found in camera["findings"]}


def test_a_broker_that_wants_tls_closes_the_connection_and_nothing_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close() -> None:
            connection, _ = server.accept()
            connection.recv(16)
            connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises(OSError, match=r"TLS|reset"):
            batch_header(server.getsockname(), "winnow.frames.v1", 0, 0)
        thread.join()

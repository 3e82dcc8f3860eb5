"""A camera's own partition, whichever way its frames come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.support.mjpeg import MjpegCamera
from tests.support.pictures import picture
from tests.support.uploads import open_door
from tests.support.world import World, environment, eventually
from typer.testing import CliRunner

from winnow.contract import load_topics
from winnow.kafka import config
from winnow_cli.__main__ import app
from winnow_cli.producers.domain.partitioner import partition_of

pytestmark = pytest.mark.stack

PARTITION = 1
WAYS = ("folder", "topic", "live", "yard")
"""Cameras, named for how their frames come; `yard` is the one that the upload door knows."""


def test_a_camera_with_a_partition_of_its_own_has_its_frames_there_by_every_way(world: World, tmp_path: Path) -> None:
    partitions = next(
        t.partitions for t in load_topics(world.names, world.kafka.profile) if t.name == world.names.frames
    )
    assert PARTITION not in {partition_of(camera.encode(), partitions) for camera in WAYS}, "none by its key's hash"
    with environment(world.env):
        for camera in WAYS:
            added = CliRunner().invoke(app, ["camera", "add", camera, "--partition", str(PARTITION)])
            assert added.exit_code == 0, added.output
    plain = f"plain-{world.namespace}"
    admin = AdminClient(config.admin(world.kafka))
    admin.create_topics([NewTopic(plain, 1, 1)])[plain].result(10)
    pictures = tmp_path / "in"
    pictures.mkdir()
    for number in range(3):
        (pictures / f"{number}.jpg").write_bytes(picture(number))
    with MjpegCamera([picture(5)]) as live:
        sources = [
            {"camera": "folder", "source": str(pictures)},
            {"source": f"topic:{plain}"},
            {"camera": "live", "source": live.url},
        ]
        door = open_door(world, WINNOW_INGEST_SOURCES=json.dumps(sources))
        producer = Producer(config.producer(world.kafka, client_id="test-cameras"))
        producer.produce(plain, picture(4), "topic")
        assert producer.flush(30) == 0
        assert door.send(picture(7)).status == 201

        def found() -> set[tuple[str, int]]:
            return {((record.key or b"").decode(), record.partition) for record in world.records(world.names.frames)}

        eventually(lambda: {camera for camera, _ in found()} == set(WAYS), what="frames of all")
        assert door.service.stop() == 0, door.service.tail()
    assert found() == {(camera, PARTITION) for camera in WAYS}
    admin.delete_topics([plain])

"""Pictures under an S3 prefix: taken once, or followed; never what Winnow itself wrote."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pytest
from tests.support.door import Door
from tests.support.pictures import picture
from tests.support.world import Service, World, eventually

from ingest.adapters.follow import Follower
from ingest.domain.source import Source
from ingest.settings import IngestSettings
from winnow.errors import Refused
from winnow.events import Frame
from winnow.identity import frame_id_of_file
from winnow.objects import Objects

pytestmark = pytest.mark.stack


@dataclass
class Bucket:
    """A bucket of somebody's, beside Winnow's own."""

    name: str
    objects: Objects

    def put(self, key: str, image: bytes) -> None:
        self.objects.put(key, image, "image/jpeg")


@pytest.fixture
def bucket(world: World) -> Bucket:
    settings = world.objects.model_copy(update={"s3_bucket": f"{world.namespace}-in"})
    objects = Objects(settings)
    objects.ensure_bucket()
    return Bucket(settings.s3_bucket, objects)


def ingest(world: World, address: str, instance: str = "ingest-0", *, watch: bool = False, **env: str) -> Service:
    source = {"camera": "gate", "source": address, "watch": watch}
    return world.start(
        "ingest", instance=instance, wait=watch,
        WINNOW_INGEST_SOURCES=json.dumps([source]), WINNOW_INGEST_STATE_DIR=str(world.folder / "state"), **env,
    )  # fmt: skip


def frames(world: World) -> list[Frame]:
    return world.events(world.names.frames, Frame)


def test_a_prefix_is_taken_once_and_the_same_again_is_the_same(world: World, bucket: Bucket) -> None:
    images = [picture(seed) for seed in range(4)]
    for key, image in (("in/2.jpg", images[0]), ("in/10.jpg", images[1]), ("in/deep/1.jpg", images[2])):
        bucket.put(key, image)
    bucket.put("other/4.jpg", images[3])
    bucket.put("in/notes.txt", b"no picture")
    for turn in range(2):
        service = ingest(world, f"s3://{bucket.name}/in/", f"ingest-{turn}")
        assert service.process.wait(60) == 1, service.tail()
        assert "in/notes.txt" in service.tail(), "what is not taken is told, and the exit code says so"
    found = frames(world)
    assert [f.image for f in found] == images[:3] * 2
    assert {f.frame_id for f in found} == {
        frame_id_of_file("gate", hashlib.sha256(image).hexdigest(), 0) for image in images[:3]
    }


def test_a_followed_prefix_gives_what_is_new_and_what_is_replaced_whatever_is_away(
    world: World, bucket: Bucket
) -> None:
    images = [picture(seed) for seed in range(3)]
    bucket.put("1.jpg", images[0])
    door = Door(world.env["WINNOW_S3_ENDPOINT"])
    service = ingest(world, f"s3://{bucket.name}", watch=True, WINNOW_S3_ENDPOINT=door.url)
    eventually(lambda: service.metric("winnow_frames_published_total") == 1, what=service.tail())
    door.shut()
    bucket.put("1.jpg", images[1])
    bucket.put("2.jpg", images[2])
    eventually(lambda: "object storage: " in service.log.read_text(), what="a warning")
    door.open()
    eventually(lambda: service.metric("winnow_frames_published_total") == 3, what=service.tail())
    assert service.stop() == 0
    assert [f.image for f in frames(world)] == images


def test_what_winnow_writes_itself_and_what_is_not_there_is_refused(world: World) -> None:
    settings = world.settings(IngestSettings)

    def first(address: str) -> object:
        return next(iter(Follower(Source(camera="gate", source=f"s3://{address}"), settings)))

    for prefix in ("", "/", "/images/", "/images/ab", "/im", "/staging", "/ledger/day=2026-05-01"):
        with pytest.raises(Refused, match="which Winnow itself writes"):
            first(world.namespace + prefix)
    with pytest.raises(Refused, match=f"there is no bucket {world.namespace}-nowhere"):
        first(f"{world.namespace}-nowhere/in")
    with pytest.raises(Refused, match="an address is s3://BUCKET/PREFIX"):
        first("")

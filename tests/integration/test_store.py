"""The store's handler on the real broker, database and object storage."""

import hashlib
from dataclasses import replace

import pytest
from tests.support.books import Selector, batch, jpeg, rows, selected

import store.app
from store.settings import Settings
from winnow.events import ImageRef, Source, StoredImage
from winnow.objects import Objects

pytestmark = pytest.mark.stack


@pytest.fixture
def handler(world):
    with store.app.handler(world.settings(Settings)) as made:
        yield made


def source(world, offset):
    return Source(world.names.frames, 0, offset)


def newest_events(world):
    return {r.key.decode(): world.codec.decode(StoredImage, r.value) for r in world.records(world.names.images)}


def test_a_selected_frame_becomes_an_object_two_rows_and_an_event(world, handler):
    frame = selected(source(world, 7), jpeg(1), flags=("control",), block="test")
    Selector(world).select(frame)
    handler.handle(batch(world, world.names.selected))
    image_id = hashlib.sha256(jpeg(1)).hexdigest()
    key = f"images/{image_id[:2]}/{image_id}.jpg"
    assert Objects(world.objects).get(key) == jpeg(1)
    (image,) = rows(world, "SELECT * FROM images")
    assert (image["image_id"], image["key"], image["size_bytes"], image["block"]) == (image_id, key, 324, "test")
    (kept,) = rows(world, "SELECT * FROM kept_frames")
    assert (kept["source_partition"], kept["source_offset"], kept["flags"]) == (0, 7, ["control"])
    (record,) = world.records(world.names.images)
    event = world.codec.decode(StoredImage, record.value)
    assert record.key.decode() == event.image_id == image_id
    assert [f.source for f in event.frames] == [frame.source]
    headers = dict(record.headers)
    assert headers["ce_id"].endswith(f"{world.names.frames}/0/7".encode())
    assert rows(world, "SELECT * FROM image_announcements") == []


def test_the_same_batch_again_changes_nothing(world, handler):
    Selector(world).select(*(selected(source(world, n), jpeg(n % 3)) for n in range(6)))
    records = batch(world, world.names.selected)
    handler.handle(records)
    before = [rows(world, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("images", "kept_frames")]
    handler.handle(records)
    assert [rows(world, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("images", "kept_frames")] == before
    assert len(before[0]) == 3
    events = world.records(world.names.images)
    assert len({dict(r.headers)["ce_id"] for r in events}) == 6
    assert len(Objects(world.objects).sizes("images/")) == 3


def test_an_image_is_a_test_image_if_any_of_its_frames_is(world, handler):
    for offset, block in enumerate(["train", "test", "train"]):
        Selector(world).select(selected(source(world, offset), jpeg(1), block=block))
        handler.handle(batch(world, world.names.selected, first=offset))
    (event,) = newest_events(world).values()
    assert event.block == "test"
    assert [(f.source.offset, f.block) for f in event.frames] == [(0, "train"), (1, "test"), (2, "train")]


def test_a_member_that_slept_cannot_leave_an_older_list_as_the_newest(world, handler):
    """It stops after its rows; another adds a frame and announces both; then it wakes and announces only its own."""
    Selector(world).select(selected(source(world, 1), jpeg(1)))
    sleeper_batch = batch(world, world.names.selected)
    Selector(world).select(selected(source(world, 2), jpeg(1)))
    with store.app.handler(world.settings(Settings)) as other:
        announce = handler._announcer.announce

        def asleep_before_the_event(frames, images):
            other.handle(batch(world, world.names.selected))
            announce(frames, images)

        handler._announcer.announce = asleep_before_the_event
        handler.handle(sleeper_batch)
    lists = [len(world.codec.decode(StoredImage, r.value).frames) for r in world.records(world.names.images)]
    assert 1 in lists, "the older list was published: else this test shows nothing"
    assert lists[-1] == 2
    ids = [dict(r.headers)["ce_id"] for r in world.records(world.names.images)]
    assert ids[-1] not in ids[:-1]
    assert rows(world, "SELECT * FROM image_announcements") == []


def test_an_image_of_very_many_frames_stays_an_event_that_the_broker_takes(world, handler):
    Selector(world).select(selected(source(world, 1), jpeg(1), block="test"))
    handler.handle(batch(world, world.names.selected))
    rows(
        world,
        """
        INSERT INTO kept_frames
        SELECT source_topic, source_partition, n, image_id, camera_id, repeat('x', 100) || n, captured_at,
               event_time + make_interval(secs => n), reason, flags, 'train', policy_version, 0, 0
        FROM kept_frames, generate_series(2, 20000) AS n
        """,
    )
    Selector(world).select(selected(source(world, 30000), jpeg(1)))
    handler.handle(batch(world, world.names.selected, first=1))
    (event,) = newest_events(world).values()
    assert len(event.frames) == 1000
    assert event.frames[-1].source.offset == 30000
    assert event.block == "test"


def test_what_a_killed_member_left_unannounced_is_announced_by_another(world, handler):
    Selector(world).select(selected(source(world, 1), jpeg(1)))
    with store.app.handler(world.settings(Settings)) as killed:
        killed._save([killed._put(record) for record in batch(world, world.names.selected)])
    assert world.records(world.names.images) == []
    rows(world, "UPDATE image_announcements SET since = since - interval '1 hour'")
    handler.handle([])
    assert [len(event.frames) for event in newest_events(world).values()] == [1]
    assert rows(world, "SELECT * FROM image_announcements") == []


def test_what_cannot_be_stored_goes_to_the_dead_letters_and_names_its_frame(world, handler):
    planted = Selector(world)
    objects = Objects(world.objects)
    objects.put("staging/a", jpeg(5), "image/jpeg")
    objects.put("other/a", jpeg(5), "image/jpeg")
    digest = hashlib.sha256(jpeg(5)).hexdigest()
    good = ImageRef(objects.bucket, "staging/a", len(jpeg(5)), digest)
    planted.select(
        selected(source(world, 0), b""),
        selected(source(world, 1), b"GIF89a"),
        selected(source(world, 2), good),
        selected(source(world, 3), replace(good, key="other/a")),
        selected(source(world, 4), replace(good, bucket="elsewhere")),
        selected(source(world, 5), replace(good, sha256="0" * 64)),
        selected(source(world, 6), replace(good, key="staging/gone")),
        selected(source(world, 7), replace(good, size_bytes=1 << 40)),
        selected(source(world, 8), jpeg(6), frame_id="a\x00b"),
    )
    planted._publish(world.names.selected, "yard", b"not avro", [("winnow-source", b"0:9")])
    planted.publisher.flush()
    handler.handle(batch(world, world.names.selected))
    assert [row["source_offset"] for row in rows(world, "SELECT * FROM kept_frames")] == [2]
    letters = world.records(world.names.dead_letters(world.names.selected, "store"))
    assert [dict(r.headers)["winnow-source"] for r in letters] == [
        f"0:{n}".encode() for n in (0, 1, 3, 4, 5, 6, 7, 8, 9)
    ]
    assert {dict(r.headers)["winnow-error-class"] for r in letters} == {b"PoisonRecord", b"BadReference"}

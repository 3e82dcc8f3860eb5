"""Images by reference: staged by ingest, fetched by selector and store, swept when their time is over."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.support.door import Door
from tests.support.pictures import picture
from tests.support.settled import QUICK, settled
from tests.support.world import World, eventually

from ingest.adapters.jpeg import jpeg
from ingest.adapters.staging import Staging
from ingest.adapters.sweeper import Sweeper
from ingest.app import Ingest
from ingest.domain.picture import INLINE_LIMIT_BYTES
from ingest.domain.source import Source
from ingest.settings import IngestSettings
from winnow.clock import now
from winnow.events import Frame, ImageRef, Outcome, StoredImage, Verdict
from winnow.kafka.backoff import FIRST_WAIT_S
from winnow.objects import Objects

CAMERA = "cam"


def large(seed: int) -> bytes:
    """A JPEG of about 1.5 MB."""
    grain = np.random.default_rng(seed).normal(128, 30, (1080, 1920, 3)).clip(0, 255).astype(np.uint8)
    image = jpeg(grain)
    assert image is not None
    assert len(image) > INLINE_LIMIT_BYTES
    return image


def frame(image: bytes | ImageRef, number: int) -> Frame:
    return Frame(f"frame-{number}", CAMERA, now() + timedelta(seconds=number), number, "image/jpeg", image)


def verdicts(world: World, count: int) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}

    def all_there() -> bool:
        found.clear()
        found.update({v.frame_id or "": v for v in world.events(world.names.verdicts, Verdict)})
        return len(found) == count

    eventually(all_there, what=f"{count} verdicts")
    return found


def test_what_a_reference_may_not_name_is_unreadable_and_the_next_frame_is_judged(world: World) -> None:
    objects = Objects(world.objects)
    good = Staging(objects).place(large(1), "image/jpeg")
    objects.put("images/stolen.jpg", large(1), "image/jpeg")
    other = bytes(len(large(1)))
    objects.put("staging/2026-01-01/other", other, "image/jpeg")
    objects.put("staging/2026-01-01/longer", large(1) + b"more", "image/jpeg")
    bad = {
        "refused_reference": [
            replace(good, bucket="another"),
            replace(good, key="images/stolen.jpg"),
            replace(good, key="staging/../images/stolen.jpg"),
            replace(good, key="staging/" + "k" * 2000),
            replace(good, key="staging/\0"),
            replace(good, size_bytes=0),
            replace(good, size_bytes=-1),
            replace(good, size_bytes=2**62),
        ],
        "missing_reference": [replace(good, key="staging/2026-01-01/nothing")],
        "wrong_reference": [
            replace(good, key="staging/2026-01-01/other"),
            replace(good, key="staging/2026-01-01/longer"),
            replace(good, size_bytes=good.size_bytes - 1),
            replace(good, sha256=good.sha256.upper()),
        ],
    }
    expected = {f"frame-{n}": r for n, (r, _) in enumerate((r, ref) for r, refs in bad.items() for ref in refs)}
    world.publish([frame(ref, n) for n, ref in enumerate(ref for refs in bad.values() for ref in refs)])
    world.publish([frame(good, len(expected)), frame(picture(1), len(expected) + 1)])
    for name in ("selector", "store", "ledger"):
        world.start(name, wait=False, **QUICK)
    found = verdicts(world, len(expected) + 2)
    assert {name: found[name].reason for name in expected} == expected
    assert all(found[name].outcome is Outcome.UNREADABLE for name in expected)
    assert found[f"frame-{len(expected)}"].outcome is Outcome.KEPT
    assert found[f"frame-{len(expected)}"].size_bytes == len(large(1))
    assert found[f"frame-{len(expected) + 1}"].outcome is not Outcome.UNREADABLE
    letters = world.records(world.names.dead_letters(world.names.frames, "selector"))
    assert len(letters) == len(expected)
    balance = settled(world, len(expected) + 2)
    assert balance.unreadable == len(expected)
    assert balance.stored == balance.kept >= 1


def test_a_large_picture_goes_by_reference_and_is_stored_as_it_came(world: World, tmp_path: Path) -> None:
    (tmp_path / "big.jpg").write_bytes(large(2))
    source = Source(camera=CAMERA, source=str(tmp_path / "big.jpg"), start=now())
    ingest = Ingest([source], world.settings(IngestSettings))
    for _ in range(2):
        played = ingest.run(threading.Event())[0]
        assert (played.published, played.refused, played.error) == (1, 0, "")
    world.start("selector")
    world.start("store")
    stored = eventually(lambda: world.events(world.names.images, StoredImage), what="the image's event")[0]
    assert stored.image_id == hashlib.sha256(large(2)).hexdigest()
    assert Objects(world.objects).get(stored.key) == large(2)
    assert all(isinstance(f.image, ImageRef) for f in world.events(world.names.frames, Frame))
    outcomes = eventually(
        lambda: len(found := world.events(world.names.verdicts, Verdict)) == 2 and [v.outcome for v in found]
    )
    assert outcomes == [Outcome.KEPT, Outcome.REDELIVERED]


@pytest.fixture
def storage_door(world: World) -> Iterator[Door]:
    """A way to the object storage that can be shut."""
    door = Door(world.objects.s3_endpoint)
    yield door
    door.shut()


def test_storage_that_is_away_is_waited_for_and_nothing_is_skipped(world: World, storage_door: Door) -> None:
    reference = Staging(Objects(world.objects)).place(large(3), "image/jpeg")
    storage_door.shut()
    selector = world.start("selector", WINNOW_S3_ENDPOINT=storage_door.url)
    world.publish([frame(picture(1), 0), frame(reference, 1), frame(picture(2), 2)])
    eventually(lambda: selector.metric("winnow_dependency_down_total") > 0, what="the selector waits")
    assert all(v.reason != "missing_reference" for v in world.events(world.names.verdicts, Verdict))
    storage_door.open()
    found = verdicts(world, 3)
    assert [found[f"frame-{n}"].outcome is Outcome.UNREADABLE for n in range(3)] == [False] * 3


def test_storage_that_answers_5xx_is_asked_again_ever_later_and_nothing_is_skipped(
    world: World, storage_door: Door
) -> None:
    reference = Staging(Objects(world.objects)).place(large(3), "image/jpeg")
    world.publish([frame(picture(1), 0), frame(reference, 1), frame(picture(2), 2)])
    storage_door.fail(500, 503, 503)
    selector = world.start("selector", WINNOW_S3_ENDPOINT=storage_door.url)
    found = verdicts(world, 3)
    kept = {i for n, i in enumerate((picture(1), large(3), picture(2))) if found[f"frame-{n}"].outcome is Outcome.KEPT}
    assert found["frame-1"].outcome is Outcome.KEPT
    assert Outcome.UNREADABLE not in {one.outcome for one in found.values()}
    assert selector.metric("winnow_dependency_down_total") == 3
    first, second, third = storage_door.answered_s
    assert second - first >= FIRST_WAIT_S
    assert third - second >= 2 * FIRST_WAIT_S

    storage_door.fail(503, 500, 503)  # the store asks for several at a time: they may fail in one go
    store = world.start("store", WINNOW_S3_ENDPOINT=storage_door.url)
    stored = eventually(lambda: len(images := world.events(world.names.images, StoredImage)) == len(kept) and images)
    assert {image.image_id for image in stored} == {hashlib.sha256(image).hexdigest() for image in kept}
    assert len(storage_door.answered_s) == 6
    assert store.metric("winnow_dependency_down_total") >= 1
    for topic, service in ((world.names.frames, "selector"), (world.names.selected, "store")):
        assert world.records(world.names.dead_letters(topic, service)) == []


def test_publishing_waits_for_the_storage(world: World, storage_door: Door, tmp_path: Path) -> None:
    (tmp_path / "big.jpg").write_bytes(large(4))
    storage_door.shut()
    settings = world.settings(IngestSettings).model_copy(update={"s3_endpoint": storage_door.url})
    ingest = Ingest([Source(camera=CAMERA, source=str(tmp_path / "big.jpg"))], settings)
    opening = threading.Timer(1.5, storage_door.open)
    opening.start()
    played = ingest.run(threading.Event())[0]
    opening.join()
    assert (played.published, played.error) == (1, "")


def test_the_sweeper_deletes_days_whose_frames_are_gone_and_nothing_else(world: World) -> None:
    objects = Objects(world.objects)
    at = datetime(2026, 5, 10, 12, 0, tzinfo=UTC)
    kept = ["staging/2026-05-10/a", "staging/2026-05-09/a", "staging/2026-05-08/a", "staging/odd/a", "images/ab/a"]
    gone = ["staging/2026-05-07/a", "staging/2026-05-07/b", "staging/2024-02-29/c"]
    for key in kept + gone:
        objects.put(key, b"x", "image/jpeg")
    sweeper = Sweeper(world.kafka, objects)
    assert sweeper.sweep(at) == len(gone), "frames are in their topic for 24 h, and then a day more"
    assert sorted(objects.sizes("")) == sorted(kept)
    assert sweeper.sweep(at) == 0

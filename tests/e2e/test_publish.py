"""From files to stored images through all services: what is published twice is kept once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from tests.support.books import rows
from tests.support.pictures import picture
from tests.support.settled import QUICK, settled
from tests.support.world import World

from winnow.events import Outcome, StoredImage, Verdict
from winnow.objects import Objects
from winnow_scenes.scene import Scene

pytestmark = pytest.mark.stack


@pytest.fixture
def running(world: World) -> World:
    """The world with all services that stand behind a frame."""
    for name in ("selector", "store", "ledger"):
        world.start(name, wait=False, **QUICK)
    for service in world.services:
        service.wait_ready()
    return world


def publish(world: World, *arguments: str) -> dict[str, Any]:
    """`winnow publish`, which must say that all was acknowledged; what it says."""
    command = [sys.executable, "-m", "winnow_cli", "publish", *arguments, "--json"]
    done = subprocess.run(command, env={**os.environ, **world.env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["frames"] == told["published"] > 0
    return told


def stored(world: World) -> dict[str, Any]:
    """Everything that a kept frame leaves behind: objects, rows, kept verdicts, announced images."""
    kept = [v for v in world.events(world.names.verdicts, Verdict) if v.outcome is Outcome.KEPT]
    announced = world.events(world.names.images, StoredImage)
    return {
        "objects": Objects(world.objects).sizes("images/"),
        "images": rows(world, "SELECT * FROM images ORDER BY image_id"),
        "kept_frames": rows(world, "SELECT * FROM kept_frames ORDER BY source_partition, source_offset"),
        "kept": sorted((v.source.partition, v.source.offset, str(v.frame_id)) for v in kept),
        "announced": sorted((i.image_id, len(i.frames)) for i in announced),
    }


def assert_the_second_pass_is_redelivered(world: World, video: Path) -> None:
    frames = publish(world, str(video), "--camera", "gate")["published"]
    first = settled(world, frames)
    before = stored(world)
    assert (first.redelivered, first.unreadable) == (0, 0)
    assert first.kept == len(before["kept_frames"]) == len(before["kept"]) > 0
    assert len(before["objects"]) == len(before["images"]) > 0

    publish(world, str(video), "--camera", "gate")
    second = settled(world, 2 * frames)
    assert stored(world) == before, "no second object, row, kept verdict or announcement"
    assert second.redelivered == frames
    assert (second.kept, second.rejected, second.stored) == (first.kept, first.rejected, first.stored)


def test_a_video_published_twice_is_kept_once(running: World, tmp_path: Path) -> None:
    assert_the_second_pass_is_redelivered(running, scene_video(tmp_path / "gate.mp4"))


@pytest.mark.footage
def test_real_footage_published_twice_is_kept_once(running: World, footage: Path) -> None:
    assert_the_second_pass_is_redelivered(running, footage / "car-detection.mp4")


def test_the_pictures_of_a_folder_are_stored_byte_for_byte(running: World, tmp_path: Path) -> None:
    folder = tmp_path / "pictures [" / "red]"  # to rich a closing tag that nothing opened
    folder.mkdir(parents=True)
    for number in range(12):
        path = folder / f"{number}.jpg"
        path.write_bytes(picture(number, objects=number // 3 % 4))
        os.utime(path, (1_700_000_000, 1_700_000_000))
    # What no encoder would write again, and a viewer does not mind.
    (folder / "5.jpg").write_bytes((folder / "5.jpg").read_bytes() + b"\0after the end")
    names = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.iterdir()}

    publish(running, str(folder), "--camera", "pictures")
    found = settled(running, 12)
    kept = rows(running, "SELECT image_id, key FROM kept_frames JOIN images USING (image_id)")
    assert len(kept) == found.stored >= 4
    objects = Objects(running.objects)
    for row in kept:
        assert objects.get(row["key"]) == names[row["image_id"]].read_bytes()
        assert row["image_id"] in row["key"]
    assert set(objects.sizes("images/")) == {row["key"] for row in kept}

    publish(running, str(folder), "--camera", "pictures")
    assert settled(running, 24).redelivered == 12


def scene_video(path: Path, frames: int = 60) -> Path:
    """12 s of a rendered yard in which something comes by, as a camera's file would have it."""
    scene = Scene("yard", 3, 480, 270, fps=5, visits_per_minute=10)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 480, 270, "yuv420p", 2_000_000
        for index in range(frames):
            image = cv2.cvtColor(scene.frame(index)[0], cv2.COLOR_BGR2RGB)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path

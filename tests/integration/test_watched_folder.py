"""A folder that is followed: whatever is written into it is published once, however it is written and who is killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.support.pictures import picture
from tests.support.world import Service, World, eventually

from ingest.adapters.encode import as_jpeg
from winnow.events import Frame
from winnow.identity import frame_id_of_file

pytestmark = pytest.mark.stack


def watch(world: World, folder: Path, instance: str = "ingest-0", **env: str) -> Service:
    """Ingest following the folder; ready when its first listing is done."""
    source = {"camera": "gate", "source": str(folder), "watch": True}
    return world.start(
        "ingest", instance=instance,
        WINNOW_INGEST_SOURCES=json.dumps([source]), WINNOW_INGEST_STATE_DIR=str(world.folder / "state"), **env,
    )  # fmt: skip


def put(path: Path, image: bytes, at_s: int | None = None) -> Path:
    """As a careful writer does it: under another name first, then renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_bytes(image)
    if at_s is not None:
        os.utime(hidden, (at_s, at_s))
    return hidden.rename(path)


def published(service: Service, least: int) -> bool:
    return service.metric("winnow_frames_published_total") >= least


def frames(world: World) -> list[Frame]:
    return world.events(world.names.frames, Frame)


def frame_id(image: bytes, index: int = 0) -> str:
    return frame_id_of_file("gate", hashlib.sha256(image).hexdigest(), index)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def test_files_come_in_once_in_order_of_time_and_name(world: World, folder: Path) -> None:
    """Subfolders, a slow writer, a replaced file, a touched one, a copy, a PNG, what is refused: in one run."""
    images = [picture(seed) for seed in range(8)]
    put(folder / "b" / "f2.jpg", images[0], 1_790_000_000)
    put(folder / "a" / "f10.jpg", images[1], 1_790_000_000)
    put(folder / "a" / "f9.jpg", images[2], 1_790_000_000)
    put(folder / "z.jpg", images[3], 1_789_000_000)
    put(folder / "notes.txt", b"no picture")
    put(folder / ".hidden" / "a.jpg", images[7])
    service = watch(world, folder)
    slow = (folder / "slow.jpg").open("wb")
    slow.write(images[4][:2000])
    slow.flush()
    eventually(lambda: service.metric("winnow_frames_published_total") == 4, what=service.tail())
    assert [f.image for f in frames(world)] == [images[n] for n in (3, 2, 1, 0)]
    assert frames(world)[0].captured_at == datetime.fromtimestamp(1_789_000_000, UTC)

    put(folder / "a" / "f9.jpg", images[5])  # other bytes under the name of another frame
    os.utime(folder / "z.jpg")  # the same bytes at another time: no new frame
    put(folder / "copy.jpg", images[3])  # the same bytes under another name: a frame of its own
    png = put(folder / "c.png", bytes(cv2.imencode(".png", np.zeros((48, 64), np.uint8))[1]))
    eventually(lambda: service.metric("winnow_frames_published_total") == 7, what=service.tail())
    assert images[4] not in [f.image for f in frames(world)], "half a file is not taken"
    slow.write(images[4][2000:])
    slow.close()
    eventually(lambda: service.metric("winnow_frames_published_total") == 8, what=service.tail())

    found = {f.frame_id: f.image for f in frames(world)}
    assert found == {
        **{frame_id(images[n]): images[n] for n in range(6)},
        frame_id(images[3], 1): images[3],
        frame_id(png.read_bytes()): as_jpeg(png.read_bytes()),
    }
    assert service.stop() == 0
    log = service.log.read_text()
    assert log.count("notes.txt") == 1
    assert sorted(path.name for path in folder.rglob("*.*")) == sorted(
        [".hidden", "a.jpg", "c.png", "copy.jpg", "f10.jpg", "f2.jpg", "f9.jpg", "notes.txt", "slow.jpg", "z.jpg"]
    ), "nothing is moved or deleted"

    put(folder / "notes.txt", b"still no picture")
    put(folder / "new.jpg", images[6])
    again = watch(world, folder, "ingest-1")
    eventually(lambda: again.metric("winnow_frames_published_total") == 1, what=again.tail())
    eventually(lambda: "notes.txt" in again.log.read_text(), what="a refused file that changed is told again")
    assert again.stop() == 0
    assert len(frames(world)) == 9, "a restart takes what is new and nothing else"


def test_killed_in_the_middle_no_file_is_missed_and_none_has_two_ids(world: World, folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}.jpg").write_bytes(picture(number % 10, size=(64, 48)) + number.to_bytes(2, "big"))
    service = watch(world, folder, "ingest-0")
    for turn in range(3):
        eventually(partial(published, service, 100), what=service.tail())
        service.kill()
        service = watch(world, folder, f"ingest-{turn + 1}")
    known = {path.read_bytes() for path in folder.iterdir()}
    eventually(lambda: {f.image for f in frames(world)} == known, what=service.tail())
    assert service.stop() == 0
    found = frames(world)
    ids: dict[bytes | object, set[str | None]] = {}
    for f in found:
        ids.setdefault(f.image, set()).add(f.frame_id)
    assert len(found) < 1700, "what was acknowledged is not sent again, but for what was in flight"
    assert all(len(of_one) == 1 for of_one in ids.values())
    assert Counter(len(of_one) for of_one in ids.values()) == {1: 1000}


def test_the_command_follows_until_it_is_interrupted_and_says_what_it_did(world: World, folder: Path) -> None:
    put(folder / "a.jpg", picture(1))
    put(folder / "notes.txt", b"no picture")
    process = subprocess.Popen(
        [sys.executable, "-m", "winnow_cli", "publish", str(folder), "--camera", "gate", "--watch", "--json"],
        env={**os.environ, **world.env, "WINNOW_INGEST_STATE_DIR": str(world.folder / "state")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: len(frames(world)) == 1, what="the file that was there")
    put(folder / "b.jpg", picture(2))
    eventually(lambda: len(frames(world)) == 2, what="the file that came")
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=30)
    assert process.returncode == 130
    counts = json.loads(out.splitlines()[-1])
    assert (counts["frames"], counts["published"], counts["refused"], counts["interrupted"]) == (3, 2, 1, True)
    assert "notes.txt" in told
    assert "3 frames, 2 published, 1 refused; interrupted" in told


def test_two_processes_do_not_follow_one_folder(world: World, folder: Path) -> None:
    put(folder / "a.jpg", picture(1))
    first = watch(world, folder)
    eventually(lambda: first.metric("winnow_frames_published_total") == 1, what=first.tail())
    second = watch(world, folder, "ingest-1")
    assert second.process.wait(30) == 1
    assert "another process follows this source already" in second.tail()
    first.stop()


def test_what_comes_while_the_broker_or_the_folder_is_away_is_published_when_it_is_back(
    world: World, folder: Path
) -> None:
    images = [picture(seed) for seed in range(5)]
    service = watch(world, folder)
    put(folder / "a.jpg", images[0])
    eventually(lambda: service.metric("winnow_frames_published_total") == 1, what=service.tail())
    world.stack.stop("kafka")
    try:
        put(folder / "b.jpg", images[1])
        put(folder / "c.jpg", images[2])
        eventually(lambda: "waiting for the broker" in service.log.read_text(), what=service.tail())
        service.kill()
        service = watch(world, folder, "ingest-1")
        put(folder / "d.jpg", images[3])
        eventually(lambda: "waiting" in service.log.read_text(), what=service.tail())
    finally:
        world.stack.start_process("kafka")
    eventually(lambda: {f.image for f in frames(world)} == set(images[:4]), what=service.tail())

    away = folder.rename(folder.with_name("away"))
    eventually(lambda: "in: No such file" in service.log.read_text(), what=service.tail())
    put(away / "e.jpg", images[4])
    away.rename(folder)
    eventually(lambda: {f.image for f in frames(world)} == set(images), what=service.tail())
    assert service.stop() == 0
    assert len({f.frame_id for f in frames(world)}) == 5

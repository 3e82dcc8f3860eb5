"""Ingest against the real broker: what was published, what the counts say, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.support.world import World, eventually

from winnow.events import Frame

pytestmark = pytest.mark.stack

SCENE = "scene:yard?seed=3&minutes=0.1&width=320&height=180"


def publish(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **world.env},
        capture_output=True,
        text=True,
        check=False,
    )


PROGRAM = """
import typer
from winnow_cli.commands.publish import publish
from winnow_cli.failures import explained
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(publish)
with explained():
    app()
"""


def folder(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 255, (60, 80, 3), np.uint8)
        cv2.imwrite(str(path / f"{number}.jpg"), noise)
    return path


def test_the_service_publishes_its_sources_and_ends(world: World, tmp_path: Path) -> None:
    sources = [
        {"camera": "yard-1", "source": SCENE},
        {"camera": "pictures", "source": str(folder(tmp_path / "in", 4)), "start": "2026-01-01T00:00:00Z"},
    ]
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps(sources))
    assert service.process.wait(60) == 0, service.tail()
    frames = world.events(world.names.frames, Frame)
    by_camera = {camera: [f for f in frames if f.camera_id == camera] for camera in ("yard-1", "pictures")}
    assert [f.sequence for f in by_camera["yard-1"]] == list(range(30))
    assert [f.image for f in by_camera["pictures"]] == [(tmp_path / "in" / f"{n}.jpg").read_bytes() for n in range(4)]
    assert all(record.key == b"yard-1" for record in world.records(world.names.frames) if b"yard-1" in record.value)


def test_one_failed_source_fails_the_service_and_spoils_no_other(world: World, tmp_path: Path) -> None:
    sources = [
        {"camera": "gone", "source": str(tmp_path / "gone.mp4")},
        {"camera": "yard-1", "source": SCENE},
    ]
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps(sources))
    assert service.process.wait(60) == 1
    assert "gone.mp4 is not there" in service.tail()
    assert len(world.events(world.names.frames, Frame)) == 30


def test_publish_says_what_the_broker_has_acknowledged(world: World, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", 3)
    done = publish(world, str(pictures), SCENE, "--camera", "c1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert {name: told[name] for name in ("frames", "published", "refused", "failed")} == {
        "frames": 33,
        "published": 33,
        "refused": 0,
        "failed": 0,
    }
    assert len(world.events(world.names.frames, Frame)) == 33


def test_publish_fails_when_something_was_refused_but_sends_the_rest(world: World, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", 3)
    (pictures / "notes.txt").write_text("not a picture")
    done = publish(world, str(pictures), "--camera", "c1", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["frames"], told["published"], told["refused"]) == (4, 3, 1)
    assert "notes.txt" in done.stderr


def test_publish_refuses_an_empty_camera_id_in_one_line(world: World) -> None:
    done = publish(world, SCENE, "--camera", "")
    assert done.returncode == 2
    assert done.stderr.strip() == "winnow: camera: the camera id is empty"


def test_interrupting_publish_ends_it_with_everything_sent_acknowledged(world: World) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{SCENE}&minutes=9", "--camera", "c1", "--live", "--json"],
        env={**os.environ, **world.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: len(world.records(world.names.frames)) >= 3, what="frames arrive")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])
    assert process.returncode == 130
    assert told["interrupted"] is True
    assert told["frames"] == told["published"] == len(world.records(world.names.frames))

"""Live cameras through ingest into the real broker: every frame counted, and the newest go on after an outage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from tests.integration.test_ingest import PROGRAM
from tests.support.mjpeg import MjpegCamera
from tests.support.rtsp import RtspCamera, jpeg_of
from tests.support.world import Service, World, eventually

from ingest.adapters.live_sender import MOST_OPEN
from winnow.events import Frame
from winnow_scenes.scene import Scene

pytestmark = pytest.mark.stack

LOGIN = "viewer:s3cret"

LIVE_CAMERA_MB = 150.0
"""Of 2**20 bytes, resident, ingest's own process and the child that reads the stream."""


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    scene = Scene("yard", 1, 320, 240)
    return [scene.frame(index)[0] for index in range(4)]


@pytest.fixture(scope="module")
def large() -> list[bytes]:
    """JPEGs of 850 kB, just below what goes inline: 30 of them fill the memory of a live camera."""
    images = [jpeg_of(np.random.default_rng(n).integers(0, 255, (900, 1200, 3), np.uint8)) for n in range(2)]
    assert all(700_000 < len(image) < 900_000 for image in images)
    return images


def start(world: World, *sources: dict[str, Any], anew: bool = False) -> Service:
    return world.start("ingest", anew=anew, WINNOW_INGEST_SOURCES=json.dumps(sources))


def published(service: Service, camera: str = "") -> float:
    labels = f'{{camera="{camera}"' if camera else ""
    return service.metric(f"winnow_frames_published_total{labels}")


def ended(service: Service) -> dict[str, dict[str, Any]]:
    """Stops it; what it said of each camera in the end."""
    began = time.monotonic()
    assert service.stop() == 0, service.tail()
    assert time.monotonic() - began < 5
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if '"source ended"' in line]
    return {line["camera"]: line for line in lines}


def test_cameras_play_until_sigterm_and_every_frame_is_counted(world: World, pictures: list[np.ndarray]) -> None:
    images = [jpeg_of(picture) for picture in pictures]
    with RtspCamera(pictures, login=LOGIN) as gate, MjpegCamera(images, login=LOGIN) as yard:
        service = start(
            world,
            {"camera": "gate", "source": gate.url, "transport": "udp", "fps": 10},
            {"camera": "yard", "source": yard.url},
            {"camera": "away", "source": "rtsp://viewer:s3cret@127.0.0.1:1/live"},
        )
        for camera in ("gate", "yard"):
            eventually(lambda camera=camera: published(service, camera) >= 5, what=f"frames of {camera}")  # type: ignore[misc]
            assert service.metric(f'winnow_camera_connected{{camera="{camera}"}}') == 1
            assert service.metric(f'winnow_camera_silence_seconds{{camera="{camera}"}}') < 2
        assert service.metric('winnow_camera_connected{camera="away"}') == 0
        assert service.metric('winnow_camera_silence_seconds{camera="away"}') > 0.5
        assert service.answer("/readyz")[0] == 200, "a camera that is away is no fault of the service"
        told = ended(service)
    frames = world.events(world.names.frames, Frame)
    for camera in ("gate", "yard"):
        own = [f for f in frames if f.camera_id == camera]
        assert told[camera]["published"] == told[camera]["frames"] == len(own)
        assert [f.sequence for f in own] == list(range(len(own)))
    assert all(f.image in images for f in frames if f.camera_id == "yard")
    assert "Connection refused" in service.log.read_text()
    assert "s3cret" not in service.log.read_text()


def test_a_camera_of_1080p_takes_at_most_150_mb(world: World) -> None:
    picture = cv2.resize(Scene("yard", 1, 480, 270).frame(0)[0], (1920, 1080))
    with MjpegCamera([jpeg_of(picture)], fps=60.0) as camera:
        service = start(world, {"camera": "yard", "source": camera.url}, anew=True)
        eventually(lambda: published(service) >= 60, what="frames arrive")
        parent = psutil.Process(service.process.pid)
        sizes = [one.memory_info().rss / 2**20 for one in (parent, *parent.children(recursive=True))]
        assert len(sizes) == 2
        assert sum(sizes) <= LIVE_CAMERA_MB, sizes
        ended(service)


def test_while_the_broker_is_away_the_oldest_frames_are_dropped_and_counted(world: World, large: list[bytes]) -> None:
    with MjpegCamera(large, fps=15) as camera:
        service = start(world, {"camera": "yard", "source": camera.url})
        eventually(lambda: published(service) >= 5, what="frames arrive")
        world.stack.stop("kafka")
        before = published(service)
        try:
            eventually(lambda: service.metric("winnow_frames_dropped_total") >= 30, what="frames are dropped")
            eventually(lambda: "frames wait; the newest" in service.log.read_text(), what="it is told")
            assert service.answer("/livez")[0] == service.answer("/readyz")[0] == 200
        finally:
            world.stack.start_process("kafka")
        eventually(lambda: "frames go on" in service.log.read_text(), what="it goes on by itself")
        told = ended(service)["yard"]
    frames = world.events(world.names.frames, Frame)
    assert told["frames"] == told["published"] + told["dropped"]
    assert told["published"] == len(frames)
    numbers = [f.sequence for f in frames]
    assert numbers == sorted(set(numbers)), "in order, each once"
    gaps = [b - a - 1 for a, b in pairwise(numbers) if b > a + 1]  # type: ignore[operator]
    handed_over = next(index for index, (a, b) in enumerate(pairwise(numbers), 1) if b > a + 1)  # type: ignore[operator]
    assert handed_over <= before + MOST_OPEN + 1, "the oldest are dropped, not the newest"
    log = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert [line["event"] for line in log if line["event"].startswith("frames ")] == [
        "frames wait; the newest are kept, the oldest dropped",
        "frames go on",
    ]
    assert sum(gaps) == told["dropped"] == next(line["dropped"] for line in log if line["event"] == "frames go on")


def test_a_registry_that_is_away_when_the_camera_begins_is_waited_for(world: World, pictures: list[np.ndarray]) -> None:
    world.stack.stop("registry")
    try:
        with MjpegCamera([jpeg_of(pictures[0])], fps=5) as camera:
            service = start(world, {"camera": "yard", "source": camera.url})
            eventually(lambda: "frames wait; the newest" in service.log.read_text(), what="it is told")
            world.stack.start_process("registry")
            eventually(lambda: "frames go on" in service.log.read_text(), what="it goes on by itself")
            told = ended(service)["yard"]
    finally:
        world.stack.start_process("registry")
    frames = world.events(world.names.frames, Frame)
    assert [f.sequence for f in frames] == list(range(told["published"])), "what fits into memory is not dropped"


def test_told_to_stop_while_the_broker_is_away_it_ends_in_time_and_says_what_was_not_sent(
    world: World, pictures: list[np.ndarray]
) -> None:
    with MjpegCamera([jpeg_of(pictures[0])]) as camera:
        service = start(world, {"camera": "yard", "source": camera.url})
        eventually(lambda: published(service) >= 3, what="frames arrive")
        world.stack.stop("kafka")
        try:
            eventually(lambda: "frames wait; the newest" in service.log.read_text(), what="it is told")
            began = time.monotonic()
            assert service.stop() == 1
            assert time.monotonic() - began < 5
        finally:
            world.stack.start_process("kafka")
    [told] = [json.loads(line) for line in service.log.read_text().splitlines() if '"source ended"' in line]
    assert told["frames"] == told["published"] + told["dropped"] + told["failed"]
    assert told["failed"] == MOST_OPEN, "what had been handed over; all that waited is dropped"
    assert "had no answer of the broker" in told["error"]


def test_publish_goes_on_until_ctrl_c_and_says_what_was_published(world: World, pictures: list[np.ndarray]) -> None:
    with RtspCamera(pictures, login=LOGIN) as camera:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, camera.url, "--camera", "gate", "--fps", "5", "--json"],
            env={**os.environ, **world.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        eventually(lambda: len(world.records(world.names.frames)) >= 3, what="frames arrive")
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])
    assert process.returncode == 130
    assert told["frames"] == told["published"] == len(world.records(world.names.frames))
    assert (told["interrupted"], told["errors"]) == (True, [])
    assert "s3cret" not in out + errors

"""Ingest against the real broker: what was published, what the counts say, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from tests.support.world import Service, World, eventually

from winnow.events import Frame
from winnow.kafka import config

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


def play_while_away(world: World, away: str, pace: str) -> tuple[Service, list[Frame]]:
    """30 frames of a scene, the first of them while the server `away` is; it comes back once ingest has said so."""
    world.stack.stop(away)
    source = {"camera": "yard-1", "source": SCENE, "pace": pace}
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps([source]))
    try:
        eventually(lambda: f"waiting for the {WORDS[away]}" in service.log.read_text(), what="a warning")
    finally:
        world.stack.start_process(away)
    assert service.process.wait(90) == 0, service.tail()
    return service, world.events(world.names.frames, Frame)


WORDS = {"kafka": "broker", "registry": "schema registry"}


@pytest.mark.parametrize("pace", ["fast", "live"])
@pytest.mark.parametrize("away", ["kafka", "registry"])
def test_a_server_that_is_away_at_the_first_frame_is_waited_for(world: World, away: str, pace: str) -> None:
    service, found = play_while_away(world, away, pace)
    assert [f.sequence for f in found] == list(range(30)), "each once, in order"
    assert len({f.frame_id for f in found}) == 30
    assert '"published": 30' in service.tail()
    steps = {(b.captured_at - a.captured_at).total_seconds() for a, b in pairwise(found)}
    assert steps == {0.2}, "a wait does not move the frames' times"


def test_a_broker_that_is_killed_in_the_middle_is_waited_for(world: World) -> None:
    source = {"camera": "yard-1", "source": SCENE.replace("0.1", "0.2"), "pace": "live"}
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps([source]))
    eventually(lambda: service.metric("winnow_frames_published_total") >= 10, what="frames arrive")
    pid = world.stack.pid("kafka")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    world.stack.stop("kafka")
    try:
        eventually(lambda: "waiting for the broker" in service.log.read_text(), what="a warning")
        assert "nothing is lost" in service.log.read_text()
        assert service.answer("/livez")[0] == 200
    finally:
        world.stack.start_process("kafka")
    assert service.process.wait(90) == 0, service.tail()
    assert "the broker is back" in service.log.read_text()
    found = world.events(world.names.frames, Frame)
    assert [f.sequence for f in found] == list(range(60)), "each once, in order"


def test_a_registry_that_goes_away_in_the_middle_is_not_missed(world: World) -> None:
    source = {"camera": "yard-1", "source": SCENE, "pace": "live"}
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps([source]))
    eventually(lambda: service.metric("winnow_frames_published_total") >= 3, what="frames arrive")
    world.stack.stop("registry")
    try:
        assert service.process.wait(60) == 0, service.tail()
    finally:
        world.stack.start_process("registry")
    assert len(world.events(world.names.frames, Frame)) == 30


def test_told_to_stop_while_the_broker_is_away_it_says_what_was_not_taken(world: World) -> None:
    scene = SCENE.replace("0.1", "0.4")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, scene, "--camera", "c1", "--live", "--json"],
        env={**os.environ, **world.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: world.records(world.names.frames), what="the first frame")
    world.stack.stop("kafka")
    try:
        assert process.stderr is not None
        assert next(line for line in process.stderr if "waiting for the broker" in line)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    finally:
        world.stack.start_process("kafka")
    told = json.loads(out.splitlines()[-1])
    assert process.returncode == 130
    assert told["failed"] == told["frames"] - told["published"] > 0 < told["published"]
    assert "Publish the source again" in errors
    assert publish(world, scene, "--camera", "c1").returncode == 0
    found = world.events(world.names.frames, Frame)
    assert len({f.frame_id for f in found}) == 120, "whatever came through, under its one id"


def test_frames_that_the_broker_refuses_are_counted_and_the_message_says_what_to_do(world: World) -> None:
    """The topic takes less than the frames have: what fits is kept, and nothing waits for ever."""
    change_topic(world, world.names.frames, "max.message.bytes", "20000")
    pictures = world.folder / "in"
    pictures.mkdir()
    for number, side in enumerate((20, 20, 200, 20)):
        noise = np.random.default_rng(number).integers(0, 255, (side, side, 3), np.uint8)
        cv2.imwrite(str(pictures / f"{number}.jpg"), noise)
        os.utime(pictures / f"{number}.jpg", (1_700_000_000, 1_700_000_000))
    # Live, each alone in its batch: the broker takes or refuses a batch as a whole.
    done = publish(world, str(pictures), "--camera", "c1", "--live", "--interval-s", "1.5", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert (told["frames"], told["published"], told["failed"]) == (4, 3, 1)
    assert "did not take 1 of 4 frames" in told["errors"][0]
    assert "too large" in told["errors"][0]
    assert "Publish the source again" in told["errors"][0]
    assert len(world.events(world.names.frames, Frame)) == 3


def change_topic(world: World, topic: str, name: str, value: str) -> None:
    admin = AdminClient(config.admin(world.kafka))
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(10)


def test_a_video_that_breaks_off_ends_in_one_line_with_what_was_published(world: World, tmp_path: Path) -> None:
    whole, cut = video(tmp_path / "whole.mp4", 20), tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    done = publish(world, str(cut), "--camera", "c1", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert 0 < told["published"] == told["frames"] < 20
    assert f"the {told['published']} frames before are published" in told["errors"][0]
    assert "breaks off after" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(world.events(world.names.frames, Frame)) == told["published"]


def test_killing_ingest_leaves_no_child(world: World) -> None:
    source = {"camera": "yard-1", "source": f"{SCENE}&minutes=9", "pace": "live"}
    service = world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps([source]))
    eventually(lambda: service.metric("winnow_frames_published_total") >= 3, what="frames arrive")
    children = psutil.Process(service.process.pid).children(recursive=True)
    assert children
    service.kill()
    eventually(lambda: not any(c.is_running() and c.status() != "zombie" for c in children), timeout_s=5, what="gone")


def video(path: Path, frames: int) -> Path:
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(frames):
            noise = np.random.default_rng(number).integers(0, 255, (96, 128, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="bgr24")))
        container.mux(stream.encode())
    return path

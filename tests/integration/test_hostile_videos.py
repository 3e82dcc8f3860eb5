"""Videos that bloat, hang or kill their decoder, through ingest beside a good source: named."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import videos
from tests.support.world import Service, World, eventually

from winnow.events import Frame

pytestmark = pytest.mark.stack

SCENE = "scene:yard?seed=3&minutes=0.1&width=320&height=180"


def start(world: World, *sources: dict[str, Any], **env: str) -> Service:
    return world.start("ingest", wait=False, WINNOW_INGEST_SOURCES=json.dumps(sources), **env)


def decoder(service: Service, path: Path) -> psutil.Process:
    """The process that decodes this file, once a frame of it is published: then it waits for its reader, and pace."""
    eventually(lambda: service.metric(f'winnow_frames_published_total{{camera="{path.stem}"') >= 1, what="a frame")
    children = psutil.Process(service.process.pid).children()
    [found] = [one for one in children if str(path) in one.cmdline()]
    return found


def test_bad_videos_are_named_and_the_good_source_beside_them_ends_whole(world: World, tmp_path: Path) -> None:
    hangs, dies = videos.noise(tmp_path / "hangs.mp4"), videos.noise(tmp_path / "dies.mp4")
    giant = videos.giant(tmp_path / "giant.mkv")
    service = start(
        world,
        {"camera": "yard-1", "source": SCENE},
        {"camera": "giant", "source": str(giant)},
        *({"camera": path.stem, "source": str(path), "pace": "live"} for path in (hangs, dies)),
        WINNOW_INGEST_VIDEO_TIMEOUT_S="8",
    )
    os.kill(decoder(service, hangs).pid, signal.SIGSTOP)
    os.kill(decoder(service, dies).pid, signal.SIGSEGV)
    assert service.process.wait(60) == 1, service.tail()
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if '"source ended"' in line]
    told = {line["camera"]: line for line in lines}
    assert (told["yard-1"]["error"], told["yard-1"]["published"]) == ("", 30)
    assert told["giant"]["error"].startswith("the video breaks off after 0 frames: the next declares no size, or more")
    for path, why in ((hangs, "within 8 s: the decoder hangs and was killed"), (dies, "was killed by signal 11")):
        line = told[path.stem]
        assert (line["source"], line["published"]) == (str(path), line["frames"])
        assert 0 < line["frames"] < 20
        assert why in line["error"]
        assert f"frame {line['frames']}" in line["error"]
        assert f"Encode the video anew or leave it out; the {line['frames']} frames before are pub" in line["error"]
    assert len(world.events(world.names.frames, Frame)) == sum(line["published"] for line in lines)


def test_told_to_stop_it_ends_though_a_decoder_hangs(world: World, tmp_path: Path) -> None:
    path = videos.noise(tmp_path / "hangs.mp4")
    service = start(world, {"camera": path.stem, "source": str(path), "pace": "live"})
    child = decoder(service, path)
    child.suspend()
    eventually(lambda: child.status() == psutil.STATUS_STOPPED, what="it hangs")
    began_s = time.monotonic()
    assert service.stop() == 0, service.tail()
    assert time.monotonic() - began_s < 5
    assert not child.is_running()
    [line] = [json.loads(line) for line in service.log.read_text().splitlines() if '"source ended"' in line]
    assert (line["interrupted"], line["error"], line["frames"]) == (True, "", line["published"])

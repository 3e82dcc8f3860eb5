"""What a hostile video may take: a time without a frame, memory, and no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.support import videos

from ingest.adapters.child import FrameChild, SourceFailed, Stopped

CHILD = "ingest.adapters.video_child"

LIMITED = """
import resource, sys
from ingest.adapters import memory, video_child
import cv2, numpy  # what they reserve differs with the machine
with open("/proc/self/status") as status:
    taken = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
memory.LARGEST_BYTES = taken + 64 * 2**20
sys.exit(video_child.main())
"""

MEASURED = """
import sys
from ingest.adapters import video_child
code = video_child.main()
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return videos.noise(tmp_path_factory.mktemp("video") / "noise.mp4")


def test_a_decoder_that_hangs_is_killed_and_the_frame_is_named(video: Path) -> None:
    with FrameChild(CHILD, [str(video)], timeout_s=10) as child:
        child.length_s()
        given = iter(child)
        next(given)
        os.kill(child.pid, signal.SIGSTOP)
        child.timeout_s = 0.5
        with pytest.raises(SourceFailed, match=r"no frame [1-9]\d* within 0.5 s: the decoder hangs and was killed"):
            list(given)


def test_the_time_in_which_nobody_asks_for_a_frame_does_not_count(video: Path) -> None:
    with FrameChild(CHILD, [str(video)], timeout_s=10) as child:
        child.length_s()
        given = iter(child)
        next(given)
        child.timeout_s = 0.5
        time.sleep(0.7)
        assert len(list(given)) == 19


def test_told_to_stop_it_ends_a_decoder_that_hangs(video: Path) -> None:
    stop = threading.Event()
    with FrameChild(CHILD, [str(video)], stop=stop) as child:
        child.length_s()
        os.kill(child.pid, signal.SIGSTOP)
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(Stopped):
            list(child)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
def test_frames_of_256_megapixels_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    video = videos.giant(tmp_path / "giant.mkv")
    done = subprocess.run([sys.executable, "-c", MEASURED, str(video)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == "the video breaks off after 0 frames: the next declares no size, or more than 100,000,000 pixels\n"
    )
    assert int(done.stdout.rpartition("}")[2]) < 200 * 1024, "kB at most"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such limit elsewhere")
def test_frames_that_take_too_much_memory_end_the_video_in_one_line(tmp_path: Path) -> None:
    video = videos.noise(tmp_path / "large.mkv", 1, codec="ffv1", size=(6000, 6000))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(video)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "the video breaks off after 0 frames: the next takes too much memory\n"

"""Live cameras that are real servers: what they give, and how they come back from whatever happens to them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.support.mjpeg import MjpegCamera
from tests.support.rtsp import RtspCamera, jpeg_of
from tests.support.world import eventually

from ingest.adapters.doors import NotTaken
from ingest.adapters.live_camera import LiveCamera
from ingest.domain.source import Source
from winnow.clock import now
from winnow.events import Frame
from winnow_scenes.scene import Scene

LOGIN = "viewer:s3cret%40%2F"


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    scene = Scene("yard", 1, 320, 240)
    return [scene.frame(index)[0] for index in range(4)]


class Watched:
    """A live camera, and what it gave."""

    def __init__(self, url: str, **more: object) -> None:
        self.items: list[Frame | NotTaken] = []
        self.camera = LiveCamera(Source(camera="cam", source=url, **{"timeout_s": 2, **more}), self.items.append)

    def __enter__(self) -> Watched:
        self._logs = capture_logs()
        self.logs = self._logs.__enter__()
        self.camera.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.camera.__exit__()
        self._logs.__exit__(*error)
        assert "s3cret" not in repr(self.logs), "a password in the log"

    @property
    def frames(self) -> list[Frame]:
        return [item for item in self.items if isinstance(item, Frame)]

    def more(self, count: int = 3) -> list[Frame]:
        """The frames up to now and `count` more."""
        before = len(self.frames)
        eventually(lambda: len(self.frames) >= before + count, timeout_s=20, what=f"{count} more: {self.logs}")
        return list(self.frames)

    def told(self, text: str) -> dict:
        """The first line of the log with this reason."""
        return eventually(
            lambda: next((line for line in self.logs if text in line.get("reason", "")), None),
            timeout_s=20,
            what=f"{text!r} in {self.logs}",
        )


def child() -> psutil.Process:
    """The one decoder; the process may have other children, of the tests before."""

    def decoders() -> list[psutil.Process]:
        return [found for found in psutil.Process().children() if "ingest.adapters.stream_child" in found.cmdline()]

    return eventually(decoders, what="a decoder")[0]


def decoded(frame: Frame) -> np.ndarray:
    assert isinstance(frame.image, bytes)
    return cv2.imdecode(np.frombuffer(frame.image, np.uint8), cv2.IMREAD_COLOR)


def difference(frame: Frame, pictures: list[np.ndarray]) -> float:
    """Mean grey levels to the nearest picture."""
    return min(float(np.mean(cv2.absdiff(decoded(frame), picture))) for picture in pictures)


@pytest.mark.parametrize(("transport", "scheme"), [("tcp", "Digest"), ("udp", "Basic")])
def test_rtsp_gives_each_frame_once_in_order_and_shows_its_password_to_nobody(
    pictures: list[np.ndarray], transport: str, scheme: str
) -> None:
    began = now()
    with RtspCamera(pictures, login=LOGIN, scheme=scheme) as server, Watched(server.url, transport=transport) as live:
        frames = live.more(12)
        assert "s3cret" not in " ".join(child().cmdline()) + repr(child().environ())
        assert live.camera.state == "connected"
    assert [f.sequence for f in frames] == list(range(len(frames)))
    assert began <= frames[0].captured_at <= frames[-1].captured_at <= now()
    assert all(a.captured_at < b.captured_at for a, b in pairwise(frames))
    assert len({f.frame_id for f in frames}) == len(frames)
    assert {f.content_type for f in frames} == {"image/jpeg"}
    assert max(difference(f, pictures) for f in frames) < 6
    eventually(lambda: "TEARDOWN" in server.heard, what="the session is ended")


def test_two_runs_of_one_camera_share_no_id(pictures: list[np.ndarray]) -> None:
    with MjpegCamera([jpeg_of(p) for p in pictures]) as server, Watched(server.url) as one, Watched(server.url) as two:
        assert not {f.frame_id for f in one.more()} & {f.frame_id for f in two.more()}


def test_a_camera_that_drops_stalls_changes_its_size_and_goes_away_comes_back(pictures: list[np.ndarray]) -> None:
    with RtspCamera(pictures) as server, Watched(server.url, timeout_s=1) as live:
        live.more()
        server.pictures = [cv2.resize(picture, (640, 480)) for picture in pictures]
        eventually(lambda: decoded(live.frames[-1]).shape == (480, 640, 3), what="the new size")
        assert not any(line["log_level"] == "warning" for line in live.logs), "without a new connection"
        server.switch_off()
        assert live.told("ended the stream")["again_in_s"] <= 0.5
        live.told("Connection refused")
        assert live.camera.state == "reconnecting (Connection refused)"
        server.switch_on()
        live.more()
        server.stalled.set()
        live.told("no frame for 1 s")
        server.stalled.clear()
        frames = live.more()
    assert [f.sequence for f in frames] == list(range(len(frames))), "one run, however often it is connected"
    assert all(a.captured_at < b.captured_at for a, b in pairwise(frames))


def refusing(pictures: list[np.ndarray], how: str) -> Iterator[RtspCamera | MjpegCamera]:
    if how.startswith("rtsp"):
        with RtspCamera(pictures, login=LOGIN) as server:
            if how == "rtsp 404":
                server.gone.set()
            yield server
    else:
        with MjpegCamera([jpeg_of(pictures[0])], login=LOGIN) as server:
            yield server


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("rtsp 401", "the camera refuses the name or the password"),
        ("rtsp 404", "the camera has no such stream (404)"),
        ("http 401", "the camera refuses the name or the password"),
    ],
)
def test_what_the_camera_refuses_is_told_and_asked_again_slowly(pictures: list[np.ndarray], how: str, why: str) -> None:
    for server in refusing(pictures, how):
        with Watched(server.url_for("viewer:s3cret-but-wrong")) as live:
            assert live.told(why)["again_in_s"] >= 15


@pytest.mark.parametrize("lengths", [True, False])
def test_http_mjpeg_passes_byte_for_byte(pictures: list[np.ndarray], lengths: bool) -> None:
    small = [jpeg_of(picture) for picture in pictures]
    large = [jpeg_of(cv2.resize(picture, (640, 480))) for picture in pictures]
    with MjpegCamera(small, lengths=lengths, login=LOGIN) as server, Watched(server.url) as live:
        live.more(5)
        server.images = large
        eventually(lambda: live.frames[-1].image in large, what="the new size")
        server.drop()
        live.more(5)
        assert all(f.image in small + large for f in live.frames)


def test_http_mjpeg_that_stalls_answers_with_an_error_and_drops_comes_back(pictures: list[np.ndarray]) -> None:
    with MjpegCamera([jpeg_of(p) for p in pictures]) as server, Watched(server.url, timeout_s=1) as live:
        live.more()
        server.stalled.set()
        live.told("no frame for 1 s")
        server.stalled.clear()
        live.more()
        server.status = 503
        server.drop()
        live.told("Server returned 5XX")
        server.status = 200
        frames = live.more()
    assert server.asked >= 4
    assert [f.sequence for f in frames] == list(range(len(frames))), "one run, however often it is connected"


def test_rtsp_over_udp_that_drops_and_stalls_comes_back(pictures: list[np.ndarray]) -> None:
    with RtspCamera(pictures) as server, Watched(server.url, transport="udp", timeout_s=1) as live:
        for spoil, mend in ((server.drop, lambda: None), (server.stalled.set, server.stalled.clear)):
            live.more()
            told = len(live.logs)
            spoil()
            eventually(lambda told=told: "no frame" in repr(live.logs[told:]) or "ended" in repr(live.logs[told:]))  # type: ignore[misc]
            mend()
        frames = live.more()
    assert [f.sequence for f in frames] == list(range(len(frames)))


def test_rtsp_mjpeg_passes_pixel_for_pixel(pictures: list[np.ndarray]) -> None:
    """RFC 2435 leaves a JPEG's headers out: they are made anew, the picture is not."""
    originals = [cv2.imdecode(np.frombuffer(jpeg_of(p), np.uint8), cv2.IMREAD_COLOR) for p in pictures]
    with RtspCamera(pictures, codec="mjpeg") as server, Watched(server.url) as live:
        assert all(difference(f, originals) == 0 for f in live.more(5))


def test_what_is_no_jpeg_is_refused_by_name_and_spoils_no_other(pictures: list[np.ndarray]) -> None:
    good = jpeg_of(pictures[0])
    images = [good, b"GIF89a" + bytes(300), good, b"\xff\xd8\xff" + bytes(300)]
    with MjpegCamera(images) as server, Watched(server.url) as live:
        frames = live.more(6)
        refused = eventually(lambda: [i for i in live.items if isinstance(i, NotTaken)], what="refused")
        assert not any(line["log_level"] == "warning" for line in live.logs), "the connection stays"
    assert good in [f.image for f in frames]
    assert {item.reason for item in refused} == {"not_an_image"}


def test_no_more_frames_a_second_are_taken_than_wanted_and_the_others_keep_it_connected(
    pictures: list[np.ndarray],
) -> None:
    def silence_s() -> float:
        return REGISTRY.get_sample_value("winnow_camera_silence_seconds", {"camera": "cam"}) or 0.0

    with RtspCamera(pictures, fps=20) as server, Watched(server.url, fps=0.5, timeout_s=1) as live:
        eventually(lambda: live.frames, what="the first frame")
        longest_s = 0.0
        while len(frames := live.frames) < 2:
            longest_s = max(longest_s, silence_s())
            time.sleep(0.05)
        assert longest_s < 1.6, "slower than the time-out, but known to be alive"
        assert not any(line["log_level"] == "warning" for line in live.logs)
    assert 1.9 < (frames[1].captured_at - frames[0].captured_at).total_seconds() < 4


def test_a_decoder_that_is_killed_is_started_again(pictures: list[np.ndarray]) -> None:
    with RtspCamera(pictures) as server, Watched(server.url) as live:
        live.more(1)
        os.kill(child().pid, signal.SIGKILL)
        live.told("killed by signal 9")
        live.more(1)


def test_a_decoder_that_hangs_is_killed(pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.adapters.live_camera.SLACK_S", 0.0)
    with RtspCamera(pictures) as server, Watched(server.url, timeout_s=0.5) as live:
        live.more(1)
        os.kill(child().pid, signal.SIGSTOP)

        def killed() -> bool:
            live.camera.look()
            return any("hangs" in line["event"] for line in live.logs)

        eventually(killed, timeout_s=20, what="it is seen")
        live.more(1)


def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    with Watched(f"usb:{tmp_path}/video9") as live:
        live.told("no such device")
    (tmp_path / "video8").write_bytes(b"no camera")
    with Watched(f"usb:{tmp_path}/video8") as live:
        assert "state" not in live.told("Inappropriate ioctl")

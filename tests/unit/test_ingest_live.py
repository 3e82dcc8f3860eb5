"""What live cameras need, as tables of values: addresses, waits, cadence, Huffman tables, the queue that drops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from tests.support.rtsp import jpeg_of

from ingest.adapters.child import FrameChild
from ingest.adapters.connection import Connection
from ingest.adapters.newest import Newest
from ingest.domain.address import live_scheme, shown
from ingest.domain.cadence import Cadence
from ingest.domain.huffman import has_huffman_tables
from ingest.domain.reconnect import LONGEST_WAIT_S, STABLE_S, Reconnect
from ingest.domain.source import Source
from winnow.events import Frame

PICTURE = cv2.resize(np.random.default_rng(3).integers(0, 255, (9, 12, 3), np.uint8), (96, 72))


@pytest.mark.parametrize(
    ("source", "scheme", "as_told"),
    [
        ("rtsp://u:p@h:554/a?b=c", "rtsp", "rtsp://h:554/a?…"),
        ("RTSPS://h/a", "rtsps", "rtsps://h/a"),
        ("http://u:p@s:x@h/v", "http", "http://h/v"),
        ("https://[::1]:8/v?user=u&pwd=p", "https", "https://[::1]:8/v?…"),
        ("rtsp://u:p@[h/a", "rtsp", "rtsp://…"),
        ("usb:/dev/video0", "usb", "usb:/dev/video0"),
        ("yard.mp4", None, "yard.mp4"),
        ("/in/a:b", None, "/in/a:b"),
        ("http", None, "http"),
        ("scene:yard?seed=1", None, "scene:yard?seed=1"),
    ],
)
def test_addresses_and_how_they_are_told(source: str, scheme: str | None, as_told: str) -> None:
    assert live_scheme(source) == scheme
    assert shown(source) == as_told


@pytest.mark.parametrize(
    ("source", "more", "why"),
    [
        ("rtsp:///a", {}, "no host"),
        ("rtsp://u:s3cret@h:99999/a", {}, "no host, or a port that is none"),
        ("rtsp://h/a", {"start": "2026-01-01T00:00:00Z"}, "a live camera has no start"),
        ("yard.mp4", {"fps": 5}, "fps is for live cameras alone"),
        ("rtsp://h/a", {"fps": 0}, "greater than 0"),
        ("rtsp://h/a", {"transport": "http"}, "'tcp' or 'udp'"),
    ],
)
def test_what_is_refused_of_a_live_source_is_named_without_its_password(source: str, more: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        Source(camera="c", source=source, **more)
    assert all("s3cret" not in error["msg"] for error in caught.value.errors())
    assert "s3cret" not in repr(Source(camera="c", source="rtsp://u:s3cret@h/a"))


def test_how_each_kind_is_opened() -> None:
    rtsp = Connection.of(Source(camera="c", source="rtsp://u:p@h/a", transport="udp", fps=5))
    assert (rtsp.format, rtsp.address, rtsp.fps) == ("rtsp", "rtsp://u:p@h/a", 5)
    assert rtsp.ways[0]["rtsp_transport"] == "udp"
    assert "file" not in rtsp.ways[0]["protocol_whitelist"]
    assert Connection.of(Source(camera="c", source="http://h/a")).format == "mpjpeg"
    usb = Connection.of(Source(camera="c", source="usb:/dev/video0"))
    assert (usb.format, usb.address, usb.ways) == ("v4l2", "/dev/video0", [{"input_format": "mjpeg"}, {}])
    assert Connection.from_json(usb.to_json().decode()) == usb


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_good_connection() -> None:
    waits = Reconnect()
    assert [waits.wait_s(0.0, 1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert waits.wait_s(STABLE_S - 1, 1.0) == LONGEST_WAIT_S
    assert waits.wait_s(STABLE_S, 0.0) == 0.25, "half fixed, half drawn"
    assert waits.wait_s(0.0, 0.5, denied=True) == LONGEST_WAIT_S * 0.75


def taken(fps: float | None, times: list[float]) -> list[float]:
    cadence = Cadence(fps)
    return [time for time in times if cadence.takes(time)]


@pytest.mark.parametrize(
    ("fps", "times", "expected"),
    [
        (None, [0, 0.1, 0.1], [0, 0.1, 0.1]),
        (2, [0, 0.25, 0.5, 0.75, 1.0], [0, 0.5, 1.0]),
        (1, [10, 10.9, 11.1, 11.9, 12.0], [10, 11.1, 12.0]),  # on the grid: late by .1 and then in time
        (1, [0, 5, 5.5, 6], [0, 5, 6]),  # a silence is not made up for
        (10, [0, 1, 2], [0, 1, 2]),
    ],
)
def test_at_most_so_many_frames_a_second(fps: float | None, times: list[float], expected: list[float]) -> None:
    assert taken(fps, times) == expected


def test_the_cadence_is_kept_over_a_minute_of_a_camera_that_trembles() -> None:
    chance = np.random.default_rng(1)
    times = [n / 30 + float(chance.uniform(-0.01, 0.01)) for n in range(1800)]
    assert len(taken(10, times)) in (599, 600, 601)


def without_tables(jpeg: bytes) -> bytes:
    """A JPEG as many USB cameras give it: its DHT segments are left out."""
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        size = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        out += b"" if jpeg[at + 1] == 0xC4 else jpeg[at : at + size]
        at += size
    return out + jpeg[at:]


def test_huffman_tables_are_found_where_they_are() -> None:
    whole = jpeg_of(PICTURE)
    comment = b"\xff\xd8\xff\xfe\x00\x06\xff\xc4\x00\x00"
    assert has_huffman_tables(whole)
    assert not has_huffman_tables(without_tables(whole))
    assert not has_huffman_tables(comment + without_tables(whole)[2:]), "a comment that looks like one is none"
    assert has_huffman_tables(b"")
    assert has_huffman_tables(b"\xff\xd8" + b"\xff" * 5)


@pytest.mark.parametrize("tables", [True, False])
def test_jpegs_of_a_motion_jpeg_video_pass_as_they_are(tmp_path: Path, tables: bool) -> None:
    whole = [jpeg_of(np.roll(PICTURE, 8 * n, axis=1)) for n in range(3)]
    path = tmp_path / "video.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuvj420p"
        for number, jpeg in enumerate(whole):
            packet = av.Packet(jpeg if tables else without_tables(jpeg))
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            container.mux(packet)
    with FrameChild("ingest.adapters.video_child", [str(path)]) as child:
        child.length_s()
        found = list(child)
    assert [f.t_s for f in found] == pytest.approx([0.0, 0.1, 0.2])
    if tables:
        assert [f.image for f in found] == whole
    else:
        assert all(has_huffman_tables(f.image) for f in found)
        assert [pixels(f.image).tolist() for f in found] == [pixels(jpeg).tolist() for jpeg in whole]


def pixels(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def frame(number: int, size: int = 10) -> Frame:
    return Frame(str(number), "c", datetime(2026, 1, 1, tzinfo=UTC), number, "image/jpeg", bytes(size))


def left(queue: Newest) -> list[int | None]:
    return [found.sequence for _ in range(len(queue)) if (found := queue.take(0))]


def test_the_oldest_frames_are_dropped_beyond_bytes_and_frames() -> None:
    by_bytes = Newest(largest_bytes=35)
    assert [by_bytes.put(frame(n)) for n in range(5)] == [0, 0, 0, 1, 1]
    assert by_bytes.put(frame(5, 30)) == 3
    assert left(by_bytes) == [5]
    by_frames = Newest(largest_frames=2)
    assert [by_frames.put(frame(n)) for n in range(4)] == [0, 0, 1, 1]
    assert left(by_frames) == [2, 3]


def test_a_frame_that_is_put_back_is_the_oldest_and_the_first_to_be_dropped() -> None:
    queue = Newest(largest_frames=3)
    for number in range(3):
        queue.put(frame(number))
    first = queue.take(0)
    assert first is not None
    assert queue.put_back(first) == 0
    assert queue.take(0) == first
    queue.put(frame(3))
    assert queue.put_back(first) == 1
    assert left(queue) == [1, 2, 3]


def test_one_frame_is_never_too_many_and_none_is_none() -> None:
    queue = Newest(largest_bytes=5)
    assert queue.put(frame(1)) == 0
    assert left(queue) == [1]
    assert queue.take(0.01) is None

"""Ingest's rules as tables of values: picture files, capture times, sources, frame ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from ingest.domain.capture_time import exif_time, footage_start, header_time, picture_times, whole_ms
from ingest.domain.picture import LARGEST_BYTES, complete, content_type, refusal, without_exif
from ingest.domain.source import Source, scene_arguments
from winnow.errors import Refused

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
JPEG = b"\xff\xd8\xff\xe0"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("image", "kind", "reason"),
    [
        (JPEG, "image/jpeg", None),
        (b"\x89PNG\r\n\x1a\n0", "image/png", None),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", None),
        (b"RIFF\x10\0\0\0WAVEfmt ", None, "not_an_image"),
        (b"GIF89a", None, "not_an_image"),
        (b"hello", None, "not_an_image"),
        (b"", None, "empty"),
        (JPEG + bytes(LARGEST_BYTES - 4), "image/jpeg", None),
        (JPEG + bytes(LARGEST_BYTES - 3), "image/jpeg", "too_large"),
    ],
)
def test_what_is_taken(image: bytes, kind: str | None, reason: str | None) -> None:
    assert content_type(image) == kind
    refused = refusal(image, len(image))
    assert (refused[0] if refused else None) == reason


@pytest.mark.parametrize(
    ("start", "length_s", "live", "expected"),
    [
        (None, 30.0, True, NOW),  # live: it begins now
        (None, 30.0, False, ago(30)),  # not live: it ends now
        (None, None, False, NOW),  # nobody knows how long it is
        (ago(99), 30.0, True, ago(99)),
        (ago(99), 30.0, False, ago(99)),
    ],
)
def test_the_first_frame_of_a_video(start, length_s, live, expected) -> None:
    assert footage_start(start, length_s, NOW, live=live) == expected


GROWING, EQUAL, BACK = [ago(9), ago(8), ago(1)], [ago(9), ago(9), ago(1)], [ago(8), ago(9), ago(1)]
SHOT, NO_EXIF = [ago(70), ago(90), ago(80)], [None, None, None]


@pytest.mark.parametrize(
    ("exif", "modified", "start", "live", "rule", "expected"),
    [
        (SHOT, GROWING, ago(500), False, "exif", SHOT),  # all have it: in the files' order, whatever else there is
        (SHOT, EQUAL, None, True, "exif", SHOT),
        ([*SHOT[:2], None], GROWING, ago(500), False, "mtime", GROWING),  # one has none
        (NO_EXIF, GROWING, None, True, "mtime", GROWING),
        ([*SHOT[:2], None], EQUAL, None, False, "interval", [ago(10), ago(5), NOW]),  # the last is now
        (NO_EXIF, EQUAL, None, False, "interval", [ago(10), ago(5), NOW]),
        (NO_EXIF, BACK, None, False, "interval", [ago(10), ago(5), NOW]),
        (NO_EXIF, BACK, ago(100), False, "interval", [ago(100), ago(95), ago(90)]),
        (NO_EXIF, BACK, ago(100), True, "interval", [ago(100), ago(95), ago(90)]),
        (NO_EXIF, BACK, None, True, "interval", [NOW, ago(-5), ago(-10)]),  # live: as a video, the first is now
        ([None], [ago(77)], None, False, "interval", [NOW]),  # one alone does not grow
        ([ago(50)], [ago(77)], None, False, "exif", [ago(50)]),
        ([], [], None, False, "interval", []),
    ],
)
def test_times_of_pictures(exif, modified, start, live, rule, expected) -> None:
    assert picture_times(exif, modified, start, 5.0, NOW, live=live) == (rule, expected)


def test_pictures_come_each_second_where_nobody_says_otherwise() -> None:
    assert Source(camera="c", source="pictures").interval_s == 1.0


@pytest.mark.parametrize(
    ("original", "subsec", "offset", "expected"),
    [
        ("2024:03:01 10:00:00", None, None, datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("2024:03:01 10:00:00", "25", "+02:00", datetime(2024, 3, 1, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2024:03:01 10:00:00\0", "004567", None, datetime(2024, 3, 1, 10, 0, 0, 4000, tzinfo=UTC)),
        ("2024:03:01 10:00:00", "", "   :  ", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("0000:00:00 00:00:00", None, None, None),
        (None, None, None, None),
    ],
)
def test_exif_times(original, subsec, offset, expected) -> None:
    assert exif_time(original, subsec, offset) == expected


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


APP0, EXIF = segment(0xE0, b"JFIF\0" + bytes(9)), segment(0xE1, b"Exif\0\0" + bytes(20))
SCAN = segment(0xDA, bytes(10)) + bytes(20)


@pytest.mark.parametrize(
    ("header", "without"),
    [
        (APP0 + SCAN, True),
        (APP0 + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0") + SCAN, True),
        (APP0 + b"\xff\xff" + segment(0xDB, bytes(65)) + SCAN, True),
        (APP0 + EXIF + SCAN, False),
        (EXIF + APP0 + SCAN, False),
        (segment(0xE2, b"\xff\xda" * 300) + EXIF + SCAN, False),
        (APP0, False),
        (APP0 + b"no marker here" + SCAN, False),
    ],
)
def test_a_jpeg_is_without_exif_only_where_its_whole_header_shows_it(header: bytes, without: bool) -> None:
    assert without_exif(b"\xff\xd8" + header) is without
    assert without_exif(b"\x89PNG\r\n\x1a\n" + header) is False


def test_times_are_cut_to_milliseconds() -> None:
    assert whole_ms(NOW.replace(microsecond=1999)) == NOW.replace(microsecond=1000)


@pytest.mark.parametrize("camera", ["", "x" * 201, "yard\n1", "ü" * 101, "yard\udc9f"])
def test_a_camera_id_that_cannot_be_is_refused(camera: str) -> None:
    with pytest.raises(ValidationError, match="camera id"):
        Source(camera=camera, source="yard.mp4")


@pytest.mark.parametrize(("source", "minutes"), [("yard.mp4", 0), ("yard.mp4", -1), ("scene:yard?minutes=2", 1)])
def test_minutes_are_for_videos(source: str, minutes: float) -> None:
    with pytest.raises(ValidationError, match="minutes"):
        Source(camera="c", source=source, minutes=minutes)


def test_a_scene_keeps_its_name_whatever_its_length_and_its_truth_file() -> None:
    arguments, name = scene_arguments("scene:yard?seed=4&fps=2&minutes=0.5&truth=/tmp/t.jsonl")
    assert arguments[:3] == ["yard", "--frames", "60"]
    assert arguments[-2:] == ["--truth", "/tmp/t.jsonl"]
    assert scene_arguments("scene:yard?fps=2&seed=4&minutes=3")[1] == name
    assert scene_arguments("scene:yard?fps=2&seed=5&minutes=3")[1] != name


@pytest.mark.parametrize("source", ["scene:yard?speed=3", "scene:yard?fps=x", "scene:yard?minutes=0"])
def test_a_scene_with_wrong_parameters_is_refused(source: str) -> None:
    with pytest.raises(Refused, match="scene:yard"):
        scene_arguments(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"source": "in"}, "the camera id is empty"),
        ({"source": ""}, "it is empty"),
        ({"source": "topic:"}, "names no topic"),
        ({"source": "ftp://host/x", "camera": "c1"}, "no such kind of source; there are rtsp://"),
        ({"source": "topic:plain", "camera": "c1"}, "the key of each record is its camera's id"),
        ({"source": "in", "camera": "c1", "watch": True, "start": NOW}, "has its own times"),
        ({"source": "in", "camera": "c1", "watch": True, "pace": "live"}, "has its own times"),
        ({"source": "in", "camera": "c1", "watch": True, "minutes": 1}, "has its own times"),
    ],
)
def test_sources_that_contradict_themselves(source: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Source(**source)


def test_a_topic_needs_no_camera() -> None:
    assert Source(source="topic:plain").camera == ""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1777593600123", datetime(2026, 5, 1, 0, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-05-01T02:00:00+02:00", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T00:00:00Z", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T00:00:00", datetime(2026, 5, 1, tzinfo=UTC)),
        ("-1", None),
        ("9" * 30, None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_in_headers(text: str, time: datetime | None) -> None:
    assert header_time(text) == time


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        (JPEG + b"\xff\xda..\xff\xd9", True),
        (JPEG + b"\xff\xda..\xff\xd9 appended", True),
        (JPEG + b"\xff\xda..", False),
        (JPEG + b"\xff\xda..\xff\xd9 a thumbnail's, then \xff\xda..", False),
        (JPEG, False),
        (b"\x89PNG\r\n\x1a\n..IEND", True),
        (b"\x89PNG\r\n\x1a\n..", False),
        (b"RIFF\x08\0\0\0WEBPVP8 ", True),
        (b"RIFF\x09\0\0\0WEBPVP8 ", False),
        (b"", False),
        (b"no picture has no end", True),
    ],
)
def test_what_is_still_being_written_is_seen(image: bytes, whole: bool) -> None:
    assert complete(image) is whole

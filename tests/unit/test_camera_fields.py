"""What people type for a camera, masks from pictures, and a camera's line in the status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from tests.support.bad_pictures import png_of
from tests.support.books import AT, verdict

from ledger.domain.status import NOBODY, RECENT_S, camera_of, observe
from winnow.errors import Refused
from winnow.events import Camera, Outcome
from winnow_cli.commands.cameras import line
from winnow_cli.selection.cameras import changed_camera, new_camera
from winnow_cli.selection.masks import masks

TOPIC = "winnow.frames.v1"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLOCK = "0,0,0.3,0,0.3,0.06,0,0.06"
FULL = {
    "name": "Yard, north",
    "group": "yard",
    "time_zone": "Europe/Berlin",
    "expected_interval_s": "0.2",
    "masks": [CLOCK],
    "partition": "3",
}


def test_a_camera_takes_what_is_given_and_keeps_the_rest():
    camera = new_camera("yard-1", FULL, 4, NOW)
    assert camera == Camera(
        "yard-1", NOW, "Yard, north", "yard", "Europe/Berlin", 0.2, ((0, 0, 0.3, 0, 0.3, 0.06, 0, 0.06),), 3
    )
    later = NOW + timedelta(hours=1)
    empty = dict.fromkeys(("name", "group", "time_zone", "expected_interval_s", "partition"), "") | {"masks": [""]}
    assert changed_camera(camera, {"name": "South"}, 4, later).masks == camera.masks
    assert changed_camera(camera, empty, 4, later) == Camera("yard-1", later)


@pytest.mark.parametrize(
    ("field", "typed", "why"),
    [
        ("name", "a\nb", "control characters"),
        ("group", "g" * 201, "200 characters"),
        ("time_zone", "Mars/Base", "IANA"),
        ("time_zone", "../etc/passwd", "IANA"),
        ("time_zone", "/etc/localtime", "IANA"),
        ("time_zone", "Europe", "IANA"),
        *(("expected_interval_s", text, "seconds above 0") for text in ("0", "-1", "nan", "inf", "soon", "2592001")),
        *(("partition", text, "0 to 3") for text in ("4", "-1", "1.5", "x", "²")),
        ("masks", ["0,0,1,0"], "4 numbers"),
        ("masks", ["0,0,1,0,1"], "5 numbers"),
        ("masks", ["0,0,640,0,640,480"], "shares of width and height"),
        ("masks", ["0,0,0.5,0.5,1,1"], "no area"),
        ("masks", ["0,0,1,0,1,--1"], "not numbers"),
        ("masks", ["clock.png"], "neither numbers nor a picture that can be read"),
        ("masks", [",".join(["0,0,1,0,1,1"] * 40)], "3 to 100 pairs"),
        ("masks", [CLOCK] * 201, "201 polygons"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(field, typed, why):
    with pytest.raises(Refused, match=f"(?s)nothing was written.*{field}: .*{why}"):
        changed_camera(Camera("yard-1", NOW), {field: typed}, 4, NOW)


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(Refused) as refused:
        new_camera("yard-1", {"time_zone": "x", "partition": "9", "masks": ["y"]}, 4, NOW)
    assert [text in str(refused.value) for text in ("time_zone", "partition", "masks")] == [True] * 3


@pytest.mark.parametrize("camera_id", ["", "a\x00b", "x" * 201])
def test_an_id_that_no_frame_may_have_is_no_camera(camera_id):
    with pytest.raises(Refused, match="camera id"):
        new_camera(camera_id, {}, 4, NOW)


def covered(polygons, size):
    """Where the polygons lie, painted by another hand than the one that made them."""
    width, height = size
    image = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        corners = np.array(polygon).reshape(-1, 2) * (width, height)
        assert cv2.contourArea(corners.astype(np.float32)) == pytest.approx(np.ptp(corners, axis=0).prod())
        (x0, y0), (x1, y1) = corners.min(axis=0).round().astype(int), corners.max(axis=0).round().astype(int)
        assert not image[y0:y1, x0:x1].any(), "rectangles overlap"
        image[y0:y1, x0:x1] = 1
    return image.astype(bool)


def painted(tmp_path, *rectangles, size=(640, 480), name="mask.png"):
    width, height = size
    image = np.full((height, width), 255, np.uint8)
    for x0, y0, x1, y1 in rectangles:
        image[y0:y1, x0:x1] = 0
    (tmp_path / name).write_bytes(cv2.imencode(f".{name.rsplit('.', 1)[1]}", image)[1].tobytes())
    return str(tmp_path / name), image == 0


@pytest.mark.parametrize("name", ["mask.png", "mask.jpg"])
def test_a_picture_with_a_hole_becomes_exactly_its_rectangles(tmp_path, name):
    path, black = painted(tmp_path, (0, 0, 192, 32), (320, 160, 640, 480), name=name)
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    image[240:320, 400:480] = 255
    black[240:320, 400:480] = False
    cv2.imwrite(path, image)
    found = masks([path])
    assert len(found) == 5
    assert (covered(found, (640, 480)) == black).all()


def test_what_is_black_is_ignored_whole_and_hardly_more(tmp_path):
    """A burnt-in clock beside the cells of the grid: nothing of it is left, and one cell around it at most is lost."""
    path, black = painted(tmp_path, (13, 21, 171, 45))
    ignored = covered(masks([path]), (640, 480))
    assert ignored[black].mean() > 0.95
    assert not (ignored & ~cv2.dilate(black.astype(np.uint8), np.ones((33, 33))).astype(bool)).any()


def test_polygons_and_pictures_add_up(tmp_path):
    path, _ = painted(tmp_path, (0, 0, 64, 64))
    assert masks([CLOCK, path])[0] == tuple(float(part) for part in CLOCK.split(","))
    assert len(masks([CLOCK, path])) == 2


@pytest.mark.parametrize(
    ("rectangles", "why"),
    [
        ([], "nothing black"),
        ([(0, 0, 640, 480)], "the whole picture"),
        ([(x, y, x + 16, y + 16) for y in range(0, 480, 16) for x in range(y % 32, 640, 32)], "600 polygons"),
    ],
)
def test_pictures_that_are_no_mask_are_refused(tmp_path, rectangles, why):
    path, _ = painted(tmp_path, *rectangles)
    with pytest.raises(ValueError, match=why):
        masks([path])


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_files_that_are_no_picture_are_refused(tmp_path, data):
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(ValueError, match="cannot be used as a mask"):
        masks([str(tmp_path / "mask.png")])


def test_a_picture_that_declares_more_pixels_than_are_read_is_not_decoded(tmp_path):
    (tmp_path / "mask.png").write_bytes(png_of(40_000, 40_000, 8, 2, b""))
    with pytest.raises(ValueError, match=r"cannot be used as a mask: too many pixels: 40000x40000"):
        masks([str(tmp_path / "mask.png")])


# --- status ------------------------------------------------------------------------------------------------------


def status(*verdicts, camera="yard"):
    found = None
    for one in verdicts:
        found = observe(found, one, camera)
    return found


def sent(count, *, every_s=1.0, first=0, **fields):
    """Verdicts on frames that came `every_s`."""
    times = [AT + timedelta(seconds=every_s * (first + n)) for n in range(count)]
    return [verdict(TOPIC, first + n, broker_time=at, event_time=at, **fields) for n, at in enumerate(times)]


UNREADABLE = {"outcome": Outcome.UNREADABLE, "reason": "undecodable", "detail": "cut short"}


def test_of_a_file_that_was_sent_at_once_no_interval_is_said():
    found = status(*sent(500, every_s=0.003))
    shown = line("yard", found, None, found.last_broker_time + timedelta(minutes=5))
    assert shown.state == "silent"
    assert shown.why == "no frame for 5 min, before that 500 within 1 s: a file that was sent whole, or a burst"
    alone = status(*sent(1))
    assert "its only one" in line("yard", alone, None, alone.last_broker_time + timedelta(minutes=5)).why


@pytest.mark.parametrize(
    ("camera", "after_s", "state"),
    [
        (None, 29, "sending"),
        (None, 31, "silent"),
        (Camera("yard", NOW, expected_interval_s=1.0), 14, "sending"),
        (Camera("yard", NOW, expected_interval_s=1.0), 16, "silent"),
        (Camera("yard", NOW, expected_interval_s=60.0), 179, "sending"),
        (Camera("yard", NOW, expected_interval_s=60.0), 181, "silent"),
    ],
)
def test_a_camera_is_silent_by_its_expected_interval_where_it_has_one(camera, after_s, state):
    found = status(*sent(100))
    shown = line("yard", found, camera, found.last_broker_time + timedelta(seconds=after_s))
    assert shown.state == state
    assert ("no frame for" in shown.why) == (state == "silent")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (UNREADABLE, "undecodable in 10% of the last frames (last: 0:109 undecodable: cut short)"),
        (
            {"flags": ("clock_skew",), "captured_at": AT},
            "clock_skew in 10% of the last frames (last: 0:109 captured_at",
        ),
        ({"flags": ("warm_up", "id_reused")}, "id_reused in 10% of the last frames (last: 0:109 yard-109 was sent"),
    ],
)
def test_a_camera_is_wrong_while_its_recent_frames_are(wrong, named):
    found = status(*sent(100), *sent(10, first=100, **wrong))
    at = found.last_broker_time
    shown = line("yard", found, None, at)
    assert shown.state == "wrong"
    assert shown.why.startswith(named)
    healed = found
    for one in sent(round(4 * RECENT_S), first=110):
        healed = observe(healed, one, "yard")
    assert line("yard", healed, None, healed.last_broker_time).state == "sending"


def test_a_rare_damaged_frame_is_a_networks_noise_and_still_counted():
    found = status(*sent(300), *sent(1, first=300, **UNREADABLE))
    shown = line("yard", found, None, found.last_broker_time)
    assert (shown.state, shown.why, shown.verdicts["unreadable"]) == ("sending", "", 1)
    assert 0 < shown.problems["undecodable"] < 0.01


def test_control_and_warm_up_are_nothing_wrong():
    found = status(*sent(10, flags=("control", "warm_up")))
    assert line("yard", found, None, found.last_broker_time).state == "sending"


def test_a_configured_camera_that_never_sent_is_shown():
    shown = line("gate", None, Camera("gate", NOW, "The gate", "yard"), AT)
    assert (shown.state, shown.name, shown.group, shown.last_frame) == ("never", "The gate", "yard", None)


def test_silent_and_wrong_says_both():
    found = status(*sent(5, **UNREADABLE))
    shown = line("yard", found, None, found.last_broker_time + timedelta(minutes=5))
    assert shown.state == "silent"
    assert "no frame for 5 min" in shown.why and "undecodable in 100%" in shown.why


@pytest.mark.parametrize(
    ("camera", "key", "counts_for"),
    [
        ("yard", b"other", "yard"),
        (None, b"yard", "yard"),
        (None, b"frame-17", NOBODY),
        (None, None, NOBODY),
        (None, b"\xff\xfe", NOBODY),
        ("a\x00b", b"yard", NOBODY),
    ],
)
def test_what_names_no_camera_counts_for_its_key_only_where_that_is_known(camera, key, counts_for):
    unnamed = verdict(TOPIC, 1, **UNREADABLE | {"reason": "wrong_key"})
    assert camera_of(replace(unnamed, camera_id=camera), key, {"yard"}) == counts_for


def test_a_problem_that_no_database_and_no_terminal_takes_is_told_all_the_same():
    found = status(verdict(TOPIC, 1, **UNREADABLE | {"detail": "a\x00b\x1b[2J" + "x" * 1000}))
    assert found.last_problem.startswith("0:1 undecodable: a\ufffdb\ufffd[2J") and len(found.last_problem) == 300

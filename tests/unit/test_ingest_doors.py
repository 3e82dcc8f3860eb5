"""Ingest's doors on real files: folders, videos whole and broken, scenes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from PIL import Image
from tests.support.world import eventually

from ingest.adapters.child import FrameChild, SourceFailed
from ingest.adapters.doors import NotTaken, open_door
from ingest.adapters.encode import as_jpeg
from ingest.domain.picture import LARGEST_BYTES
from ingest.domain.source import Source
from winnow.errors import Refused
from winnow.events import Frame
from winnow.identity import frame_id_of_file

FPS = 10


def picture(value: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.random.default_rng(value).integers(0, 255, (*size, 3), np.uint8)


def write_pictures(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(number))
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames with the index in front, so that a cut leaves a beginning that can be read."""
    path = tmp_path_factory.mktemp("video") / "twenty.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(picture(number, (96, 128)), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def large_video(folder: Path) -> Path:
    """More than a pipe holds."""
    path = folder / "large.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number in range(10):
            image = np.random.default_rng(number).integers(0, 255, (480, 640, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def items(source: Path | str, **more: object) -> list[Frame | NotTaken]:
    return list(open_door(Source(camera="cam", source=str(source), **more)))


def frames(source: Path | str, **more: object) -> list[Frame]:
    found = items(source, **more)
    assert all(isinstance(item, Frame) for item in found)
    return [item for item in found if isinstance(item, Frame)]


def test_jpegs_pass_byte_for_byte_in_natural_order_and_others_are_encoded(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["f10.jpg", "f2.jpg", "f1.png"])
    found = frames(tmp_path, start=datetime(2026, 1, 1, tzinfo=UTC), interval_s=2)
    png, *jpegs = ((tmp_path / n).read_bytes() for n in ("f1.png", "f2.jpg", "f10.jpg"))
    assert [f.image for f in found] == [as_jpeg(png), *jpegs]
    assert found[0].frame_id == frame_id_of_file("cam", hashlib.sha256(png).hexdigest(), 0), "of the file's own bytes"
    assert {f.content_type for f in found} == {"image/jpeg"}
    assert [f.captured_at.second for f in found] == [0, 2, 4]
    assert [f.frame_id for f in frames(tmp_path)] == [f.frame_id for f in found]


def test_equal_pictures_are_different_frames_and_keep_their_ids(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.jpg", "d.jpg"])
    before = {f.frame_id for f in frames(tmp_path)}
    (tmp_path / "c.jpg").write_bytes((tmp_path / "b.jpg").read_bytes())
    after = {f.frame_id for f in frames(tmp_path)}
    assert len(after) == 3
    assert before < after


def test_what_is_not_a_picture_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.jpg"])
    (tmp_path / "a.txt").write_text("notes")
    (tmp_path / "c.gif").write_bytes(b"GIF89a....")
    (tmp_path / "d.jpg").write_bytes(b"")
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8\xff" + bytes(LARGEST_BYTES))
    (tmp_path / "f.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    found = items(tmp_path)
    assert [(Path(i.name).name, i.reason) for i in found if isinstance(i, NotTaken)] == [
        ("a.txt", "not_an_image"),
        ("c.gif", "not_an_image"),
        ("d.jpg", "empty"),
        ("e.jpg", "too_large"),
        ("f.png", "undecodable"),
    ]
    assert sum(isinstance(i, Frame) for i in found) == 1


def test_a_video_in_a_folder_is_told_how_to_be_given(video: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.jpg"])
    (tmp_path / "a.mp4").write_bytes(video.read_bytes())
    refused, frame = items(tmp_path)
    assert isinstance(refused, NotTaken)
    assert isinstance(frame, Frame)
    assert (refused.reason, "by its own path" in refused.why) == ("video", True)


def test_what_cannot_be_read_or_is_no_file_is_named_and_spoils_no_other(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.jpg"])
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "c.jpg").symlink_to("/dev/zero")
    (tmp_path / "d").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "e.jpg")
    found = items(tmp_path)
    assert [(Path(i.name).name, i.reason) for i in found if isinstance(i, NotTaken)] == [
        ("a.jpg", "unreadable_file"),
        ("c.jpg", "not_a_file"),
        ("d", "not_a_file"),
        ("e.jpg", "not_a_file"),
    ]
    assert sum(isinstance(i, Frame) for i in found) == 1


def test_a_picture_that_would_harm_its_reader_is_sent_as_it_is(tmp_path: Path) -> None:
    """What it is worth is the selector's verdict: no claim of its header, and no EXIF, ends the source."""
    bomb = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x87\x69\x00\x04\xff\xff\xff\xff" * 20
    broken = b"\xff\xd8\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + b"\xff\xd9"
    for name, image in (("a.jpg", bomb), ("b.jpg", broken)):
        (tmp_path / name).write_bytes(image)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    assert [f.image for f in frames(tmp_path)] == [path.read_bytes() for path in sorted(tmp_path.iterdir())]


def test_a_file_that_is_too_large_is_not_read_into_memory(tmp_path: Path) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.write(b"\xff\xd8\xff\xe0")
        file.truncate(1 << 40)  # a sparse file that no memory could hold
    [found] = items(huge)
    assert isinstance(found, NotTaken)
    assert found.reason == "too_large"
    assert "1,099,511,627,776 bytes" in found.why


def test_exif_gives_the_time_where_all_have_it(tmp_path: Path) -> None:
    for number in (1, 2):
        image = Image.fromarray(picture(number))
        exif = Image.Exif()
        exif.get_ifd(0x8769).update({0x9003: f"2024:03:01 10:00:0{number}", 0x9291: "5", 0x9011: "+01:00"})
        image.save(tmp_path / f"{number}.jpg", exif=exif)
    times = [f.captured_at for f in frames(tmp_path, start=datetime(2020, 1, 1, tzinfo=UTC))]
    assert times == [datetime(2024, 3, 1, 9, 0, n, 500_000, tzinfo=UTC) for n in (1, 2)]


def test_a_video_gives_each_frame_once_with_its_time(video: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = frames(video, start=start)
    assert [f.sequence for f in found] == list(range(20))
    assert [f.captured_at - start for f in found] == [timedelta(milliseconds=100 * n) for n in range(20)]
    assert len({f.frame_id for f in found}) == 20
    again = frames(video)
    assert [(f.frame_id, f.image) for f in again] == [(f.frame_id, f.image) for f in found]
    decoded = cv2.imdecode(np.frombuffer(found[0].image, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[arg-type]
    assert decoded.shape == (96, 128, 3)


def test_without_a_start_a_video_ends_now(video: Path) -> None:
    last = frames(video)[-1].captured_at
    assert abs((datetime.now(UTC) - last).total_seconds()) < 10


@pytest.mark.parametrize(("minutes", "count"), [(0.01, 6), (1 / 60, 10), (5, 20)])
def test_of_a_video_at_most_so_many_minutes_are_played(video: Path, minutes: float, count: int) -> None:
    began = datetime.now(UTC)
    found = frames(video, minutes=minutes)
    ended = datetime.now(UTC)
    assert [f.sequence for f in found] == list(range(count))
    assert [f.frame_id for f in found] == [f.frame_id for f in frames(video)][:count]
    shown_s = min(minutes * 60, 2.0)
    ends = found[0].captured_at + timedelta(seconds=shown_s)
    assert began - timedelta(seconds=0.2) < ends < ended, "what is played ends now"


def test_minutes_of_pictures_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.jpg"])
    with pytest.raises(Refused, match="no video"):
        items(tmp_path, minutes=1)


def read_until_failure(source: Path) -> tuple[int, str]:
    count = 0
    with pytest.raises(SourceFailed) as failure:
        for _ in open_door(Source(camera="cam", source=str(source))):
            count += 1
    return count, str(failure.value)


def test_a_video_that_breaks_off_gives_what_it_has_and_says_so(video: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    whole = video.read_bytes()
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    count, message = read_until_failure(cut)
    assert 5 < count < 20
    assert "breaks off after" in message


@pytest.mark.parametrize("content", [b"", b"this is not a video\n" * 50])
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    count, message = read_until_failure(path)
    assert count == 0
    assert "not a video" in message
    assert "\n" not in message


def test_a_decoder_that_is_killed_is_a_failed_source(video: Path) -> None:
    arguments = ["yard", "--frames", "500", "--width", "320", "--height", "180"]
    with FrameChild("winnow_scenes.player", arguments) as child:
        assert child.length_s() == 100
        given = iter(child)
        next(given)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(SourceFailed, match="killed by signal 9"):
            list(given)


READER = """
import sys, time
from ingest.adapters.child import FrameChild
child = FrameChild(sys.argv[1], sys.argv[2:])
child.length_s()
next(iter(child))
print(child.pid, flush=True)
time.sleep(1000)
"""


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("made_by", ["scene", "video"])
def test_the_child_ends_with_its_reader_also_while_it_waits_to_write(made_by: str, tmp_path: Path) -> None:
    arguments = {
        "scene": ["winnow_scenes.player", "yard", "--frames", "500", "--width", "640", "--height", "360"],
        "video": ["ingest.adapters.video_child", str(large_video(tmp_path))],
    }[made_by]
    with subprocess.Popen([sys.executable, "-c", READER, *arguments], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        child = psutil.Process(int(reader.stdout.readline()))
        eventually(lambda: child.status() == psutil.STATUS_SLEEPING, what="the pipe is full")
        reader.kill()
    eventually(lambda: has_ended(child), timeout_s=5, what="the child ends")


def test_the_child_ends_with_its_reader_also_while_it_is_busy(tmp_path: Path) -> None:
    """One that never writes again: no broken pipe would tell it."""
    busy = tmp_path / "busy.py"
    busy.write_text(
        "import sys\n"
        "from winnow_scenes.lifetime import end_with_parent\n"
        "from winnow_scenes.records import write_begin, write_frame\n"
        "end_with_parent()\n"
        "write_begin(sys.stdout.buffer, None)\n"
        "write_frame(sys.stdout.buffer, 0, 0.0, b'x')\n"
        "while True: pass\n"
    )
    command = [sys.executable, "-c", READER, "busy"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as reader:
        assert reader.stdout is not None
        child = psutil.Process(int(reader.stdout.readline()))
        reader.kill()
    eventually(lambda: has_ended(child), timeout_s=5, what="the child ends")


def test_missing_and_empty_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not there"):
        items(tmp_path / "nothing.mp4")
    with pytest.raises(Refused, match="holds no file"):
        items(tmp_path)


def test_a_scene_is_a_source_and_its_truth_stays_in_its_file(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    scene = f"scene:conveyor?seed=2&minutes=0.05&width=320&height=180&truth={truth}"
    found = frames(scene)
    assert len(found) == len(truth.read_text().splitlines()) == 15
    assert all(not f.attributes for f in found)
    assert [f.image for f in found] == [f.image for f in frames(scene)]


def test_a_scene_with_wrong_parameters_fails_in_one_line() -> None:
    with pytest.raises(SourceFailed, match="views 0 to 1"):
        frames("scene:yard?view=7")

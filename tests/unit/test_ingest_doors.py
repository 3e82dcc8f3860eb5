"""Ingest's doors on real files: folders, videos whole and broken, scenes."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from ingest.adapters.child import FrameChild, SourceFailed
from ingest.adapters.doors import NotTaken, open_door
from ingest.domain.source import Source
from winnow.errors import Refused
from winnow.events import Frame

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


def items(source: Path | str, **more: object) -> list[Frame | NotTaken]:
    return list(open_door(Source(camera="cam", source=str(source), **more)))


def frames(source: Path | str, **more: object) -> list[Frame]:
    found = items(source, **more)
    assert all(isinstance(item, Frame) for item in found)
    return [item for item in found if isinstance(item, Frame)]


def test_pictures_pass_byte_for_byte_in_natural_order(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["f10.jpg", "f2.jpg", "f1.png"])
    found = frames(tmp_path, start=datetime(2026, 1, 1, tzinfo=UTC), interval_s=2)
    assert [f.image for f in found] == [(tmp_path / n).read_bytes() for n in ("f1.png", "f2.jpg", "f10.jpg")]
    assert [f.content_type for f in found] == ["image/png", "image/jpeg", "image/jpeg"]
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
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8\xff" + bytes(900_000))
    found = items(tmp_path)
    assert [(Path(i.name).name, i.reason) for i in found if isinstance(i, NotTaken)] == [
        ("a.txt", "not_an_image"),
        ("c.gif", "not_an_image"),
        ("d.jpg", "empty"),
        ("e.jpg", "too_large"),
    ]
    assert sum(isinstance(i, Frame) for i in found) == 1


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

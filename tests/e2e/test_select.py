"""Selection without servers: the same verdicts as through the broker, and what a program and a person see of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.pictures import picture, recent
from tests.support.world import POLICY, World, eventually
from typer.testing import CliRunner, Result

from ingest.domain.source import Source
from winnow.codec import to_record
from winnow.errors import Refused
from winnow.events import Verdict
from winnow_cli.__main__ import app
from winnow_cli.offline.judging import Places

SCENE = "scene:yard?seed=3&minutes=0.2&width=320&height=180&visits_per_minute=10"
KEY = "00112233445566778899aabbccddeeff"
START = "2026-03-01T12:00:00Z"

Select = Callable[..., Result]


@pytest.fixture
def select() -> Iterator[Select]:
    """`winnow select` within this process."""
    yield lambda *arguments: CliRunner().invoke(app, ["select", *map(str, arguments)])
    structlog.reset_defaults()


def frames(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def folder(path: Path, count: int = 12) -> Path:
    """Pictures that are new, like another or the same as another, in natural order; one cannot be decoded."""
    path.mkdir()
    for number in range(count):
        image = picture(number % 9, objects=number % 9 // 3)
        (path / f"{number}.jpg").write_bytes(image[: len(image) // 2] if number == 7 else image)
        os.utime(path / f"{number}.jpg", (1_700_000_000, 1_700_000_000))
    return path


def policy_file(path: Path, **fields: Any) -> Path:
    path.write_text(json.dumps(fields))
    return path


@pytest.mark.stack
def test_the_verdicts_are_those_of_the_selector_behind_the_broker(world: World, select: Select, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "pictures")
    start = recent().isoformat()
    arguments = [SCENE, str(pictures), "--camera", "gate", "--start", start]
    # Blocks so short that the run has both kinds, whenever it begins.
    fields = {"kept_per_hour": 1200.0, "burst": 10.0, "control_every_s": 2.0, "split_block_s": 1.0}
    policy = policy_file(tmp_path / "policy.json", **fields, sampling_key=KEY)
    world.set_policy(replace(POLICY, **fields, sampling_key=bytes.fromhex(KEY)))
    world.start("selector")
    published = subprocess.run(
        [sys.executable, "-m", "winnow_cli", "publish", *arguments],
        env={**os.environ, **world.env}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert published.returncode == 0, published.stderr
    live = eventually(lambda: len(v := world.events(world.names.verdicts, Verdict)) >= 72 and v, what="72 verdicts")

    result = select(*arguments, "--policy", policy, "--json")
    assert result.exit_code == 0, result.stderr
    offline = frames(result)
    assert [one["frame_id"] for one in offline] == [one.frame_id for one in live]
    for one, verdict in zip(offline, live, strict=True):
        record = to_record(verdict)
        assert verdict.event_time == verdict.captured_at == datetime.fromisoformat(one["event_time"])
        same = ("outcome", "reason", "detail", "rules", "block", "flags", "signals", "thresholds")
        assert {name: one[name] for name in same} == {name: record[name] for name in same}
        nearest = record["nearest"] or {"frame_id": None, "distance": None}
        assert (one["nearest"], one["distance"]) == (nearest["frame_id"], nearest["distance"])
    reasons = {one["reason"] for one in offline}
    assert reasons >= {"novel", "control", "near_duplicate", "identical_bytes", "undecodable", "over_budget"}
    assert {one["block"] for one in offline} == {"train", "test"}


def test_json_is_one_object_a_frame_and_nothing_else(select: Select, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "gate")
    result = select(pictures, "--start", START, "--json")
    assert result.exit_code == 0
    found = frames(result)
    assert [one["source"] for one in found] == [str(pictures / f"{n}.jpg") for n in range(12)]
    assert [one["index"] for one in found] == list(range(12))
    assert found[0] == {
        "source": str(pictures / "0.jpg"),
        "index": 0,
        "camera_id": "gate",
        "frame_id": found[0]["frame_id"],
        "captured_at": "2026-03-01T12:00:00+00:00",
        "event_time": "2026-03-01T12:00:00+00:00",
        "outcome": "kept",
        "reason": "novel",
        "detail": "",
        "rules": None,
        "block": found[0]["block"],
        "flags": ["warm_up"],
        "signals": found[0]["signals"],
        "thresholds": found[0]["thresholds"],
        "nearest": None,
        "distance": None,
    }
    assert all(isinstance(number, float) for number in found[5]["signals"].values())
    assert found[5]["nearest"] in {one["frame_id"] for one in found[:5]}
    assert found[7]["detail"].startswith("truncated")
    assert "12 frames in" in result.stderr


def test_a_run_can_be_repeated(select: Select) -> None:
    first, second = (select(SCENE, "--start", START, "--json") for _ in range(2))
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    assert len(frames(first)) == 60
    assert {one["camera_id"] for one in frames(first)} == {"yard"}


def test_sources_of_one_camera_follow_each_other_and_others_know_nothing_of_each_other(
    select: Select, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gate.jpg").write_bytes(picture(1))
    sources = [tmp_path / name / "gate.jpg" for name in ("a", "b")]
    apart = frames(select(*sources, "--start", START, "--json"))
    assert [(one["camera_id"], one["reason"]) for one in apart] == [("gate", "novel"), ("gate-2", "novel")]
    together = frames(select(*sources, "--start", START, "--json", "--camera", "gate"))
    assert [one["outcome"] for one in together] == ["kept", "redelivered"]


def test_what_is_not_taken_is_named_and_the_rest_is_judged(select: Select, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "gate", 3)
    (pictures / "notes.txt").write_text("not a picture")
    result = select(pictures, tmp_path / "gone.mp4", "--start", START, "--json")
    assert result.exit_code == 1
    assert [Path(one["source"]).name for one in frames(result)] == ["0.jpg", "1.jpg", "2.jpg"]
    assert "notes.txt: not a JPEG" in result.stderr
    assert "gone.mp4 is not there" in result.stderr


def test_a_video_that_breaks_off_is_judged_up_to_there(select: Select, tmp_path: Path) -> None:
    from tests.e2e.test_publish import scene_video

    whole = scene_video(tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(_without_last_frames(whole.read_bytes()))
    result = select(cut, "--start", START, "--json")
    assert result.exit_code == 1
    assert 1 <= len(frames(result)) < 60
    assert "breaks off after" in result.stderr


def test_a_folder_that_changes_while_it_is_opened_is_refused(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "gate", 3)
    places = Places(Source(camera="gate", source=str(pictures)))
    places.confirm()
    assert places.of(2) == str(pictures / "2.jpg")
    (pictures / "1b.jpg").write_bytes(picture(1))
    with pytest.raises(Refused, match="changed while it was being opened"):
        places.confirm()


def _without_last_frames(mp4: bytes) -> bytes:
    """The film's second half as zeros: the index behind it stays."""
    begin, end = mp4.index(b"mdat") + 4, mp4.index(b"moov") - 4
    middle = (begin + end) // 2
    return mp4[:middle] + bytes(end - middle) + mp4[end:]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kept_per_hour": 0, "brust": 5}, ("kept_per_hour", "brust")),
        ({"burst": "many"}, ("burst",)),
        ({"sampling_key": "00ff"}, ("sampling_key",)),
        ({"sampling_key": "no digits"}, ("sampling_key",)),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_name(
    select: Select, tmp_path: Path, fields: dict[str, Any], named: tuple[str, ...]
) -> None:
    result = select(SCENE, "--policy", policy_file(tmp_path / "policy.json", **fields))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert all(name in str(result.exception) for name in ("policy.json", *named))


def test_a_policy_of_a_file_decides(select: Select, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "gate")
    generous = policy_file(tmp_path / "policy.yaml", kept_per_hour=36_000, burst=100, sampling_key=KEY)
    kept = [sum(one["outcome"] == "kept" for one in frames(select(pictures, *more, "--start", START, "--json")))
            for more in ([], ["--policy", generous])]  # fmt: skip
    assert kept[0] < kept[1]


def test_a_person_sees_the_counts_and_what_was_kept(select: Select, tmp_path: Path) -> None:
    result = select(folder(tmp_path / "gate"), "--start", START)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["rejected", "identical", "bytes", "3", "25.0%"] in lines, result.stdout
    assert any(line[:4] == ["2026-03-01", "12:00:00.0", "0.jpg", "0"] for line in lines), result.stdout
    assert "frames per CPU second" in result.stdout
    assert datetime.now(UTC).isoformat()[:10] not in result.stdout

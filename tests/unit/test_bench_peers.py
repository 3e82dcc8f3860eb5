"""`winnow bench peers`: what a tool cannot do is told, and nothing of it stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from winnow_cli.bench.peers import defects
from winnow_cli.bench.peers import play as playing
from winnow_cli.bench.peers.catalogue import PEERS, Peer
from winnow_cli.bench.peers.children.task import Task
from winnow_cli.bench.peers.duplicates import Pairs
from winnow_cli.bench.peers.environment import NotInstalled, python_of
from winnow_cli.bench.peers.play import NotPlayed, TaskFolder, play
from winnow_cli.bench.peers.run import chosen
from winnow_cli.bench.peers.sets import OBJECT, PairSaid, ShotSaid
from winnow_cli.bench.peers.speed import measure
from winnow_cli.bench.quality.sets.defects import DARKER, DEFOCUS, GOOD

OURS = Path(sys.executable)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_tool_is_pinned_and_every_file_of_it_hashed(peer: Peer) -> None:
    assert peer.version
    pinned = peer.requirements.read_text().replace("\\\n", " ").splitlines()
    assert all("==" in line and "--hash=sha256:" in line for line in pinned)


class Odd(Peer):
    requirements = Path()


def test_a_tool_that_cannot_be_installed_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    odd = Odd("odd", "", "", ())
    Odd.requirements = tmp_path / "odd.txt"
    Odd.requirements.write_text("odd==1.0\n")
    with pytest.raises(NotInstalled, match="hash"):
        python_of(odd, tmp_path / "cache", lambda _: None)
    assert list((tmp_path / "cache" / "peers").iterdir()) == []


def test_a_tool_that_fails_is_a_row_with_the_reason(tmp_path: Path) -> None:
    found = measure([b"\xff\xd8"], (8, 8), {"ImageHash": OURS}, tmp_path, lambda _: None)
    assert found["tools"]["ImageHash"]["failed"] == "ended with 1: ModuleNotFoundError: No module named 'imagehash'"
    assert list(tmp_path.iterdir()) == []


def test_a_tool_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TaskFolder(tmp_path / "task").close()
    monkeypatch.setattr(playing, "LIMIT_S", 0.0)
    with pytest.raises(NotPlayed, match="not done after 0 s"):
        play("ImageHash", OURS, tmp_path / "task")


def test_what_a_script_measures_arrives(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path / "task")
    folder.pair(b"a", b"b")
    folder.close()
    task = Task(tmp_path / "task")
    with task.startup():
        pass
    with task.job("hash"):
        contents = [Path(path).read_bytes() for path in task.paths]
    task.distances("hash", [1 if contents[a] != contents[b] else 0 for a, b in task.pairs])
    task.scores("hash", "blurred", [0, 1])
    task.done()
    answer = playing.read_answer(tmp_path / "task")
    assert answer.jobs["hash"].distances == [1.0]
    assert answer.jobs["hash"].scores == {"blurred": [0.0, 1.0]}
    assert json.loads((tmp_path / "task" / "answer.json").read_text())["methods"]["hash"]["wall_s"] >= 0


def test_tools_are_chosen_by_name() -> None:
    assert [peer.name for peer in chosen(["imagehash", "fastdup"])] == ["ImageHash", "fastdup"]
    assert chosen([]) == list(PEERS)
    with pytest.raises(KeyError):
        chosen(["photoshop"])


def test_duplicates_are_counted_at_the_default_and_at_the_best_cut_off() -> None:
    # camera, kind, same; distance
    pairs = [
        ("a", "noise", True, 1.0),
        ("a", "noise", True, 4.0),
        ("a", "noise", False, 6.0),
        ("b", "shake", True, 7.0),
        ("b", "shake", False, 9.0),
        ("b", OBJECT, False, 3.0),
        ("b", OBJECT, False, 8.0),
    ]
    said = [PairSaid(camera, kind, same, False, 0.0) for camera, kind, same, _ in pairs]
    distance = np.array([one[3] for one in pairs])
    row = Pairs(said).row(distance, distance <= 1.0)
    assert row["by_default"]["precision"] == 1.0
    assert row["by_default"]["recall"] == 0.333
    assert row["by_default"]["f1"] == 0.5
    assert row["by_default"]["f1_by_kind"] == {"noise": 0.667, "shake": 0.0}
    assert row["by_default"]["objects_seen"] == 1.0
    assert row["best"]["cut_off"] == 7.0
    assert row["best"]["f1"] == 0.857
    assert row["best"]["objects_seen"] == 0.5
    assert row["best_of_each_camera"]["f1"] == 1.0


def test_a_score_is_low_where_a_frame_is_bad_and_a_tool_without_one_has_no_figure() -> None:
    shots = [
        ShotSaid("a", "day", kind, number, {"mean_log_luma": level})
        for number, (kind, level) in enumerate([(GOOD, 6.0), (GOOD, 5.0), (DARKER, 5.5), (DARKER, 3.0), (DEFOCUS, 5.0)])
    ]
    found = defects.rows(shots, {"Winnow": ShotSaid.score, "other": lambda shot, defect: -shot.image})
    tools = {row["defect"]: row["tools"] for row in found}
    assert tools[DARKER]["Winnow"]["auc"] == 0.75
    assert tools[DARKER]["other"]["auc"] == 1.0
    assert tools[DEFOCUS]["Winnow"] is None

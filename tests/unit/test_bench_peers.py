"""`winnow bench peers`: what a tool cannot do is told, and nothing of it stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from winnow_cli.bench.peers import play as playing
from winnow_cli.bench.peers.catalogue import PEERS, Peer
from winnow_cli.bench.peers.children.task import Task
from winnow_cli.bench.peers.environment import NotInstalled, python_of
from winnow_cli.bench.peers.play import NotPlayed, play, write_task
from winnow_cli.bench.peers.run import chosen
from winnow_cli.bench.peers.speed import measure

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
    found = measure([b"\xff\xd8"], (8, 8), {"imagehash": OURS}, tmp_path, lambda _: None)
    assert found["tools"]["imagehash"]["failed"] == "ended with 1: ModuleNotFoundError: No module named 'imagehash'"
    assert list(tmp_path.iterdir()) == []


def test_a_tool_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_task(tmp_path / "task", [])
    monkeypatch.setattr(playing, "LIMIT_S", 0.0)
    with pytest.raises(NotPlayed, match="not done after 0 s"):
        play("imagehash", OURS, tmp_path / "task")


def test_what_a_script_measures_arrives(tmp_path: Path) -> None:
    write_task(tmp_path / "task", [("a.jpg", b"a"), ("b.jpg", b"b")], [(0, 1)])
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

"""What counts as struck: the signal that was meant, and not a process that ends by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.world import eventually

from winnow_cli.chaos.campaign import KILLS, STOPS, in_pieces, plan
from winnow_cli.chaos.compare import Difference
from winnow_cli.chaos.feed import InputRecord
from winnow_cli.chaos.members import Member
from winnow_cli.chaos.orders import Point
from winnow_cli.chaos.selector import Report

WAITS = "import time; time.sleep(600)"
FENCED_OFF = "import sys; sys.exit('KafkaError{FATAL,code=_FENCED,val=-144}')"
OTHERWISE = "import sys; sys.exit('StateMismatch')"


@pytest.fixture
def members(tmp_path: Path) -> Iterator[list[Member]]:
    started: list[Member] = []
    yield started
    for member in started:
        member.end()


def running(program: str, folder: Path, members: list[Member]) -> Member:
    log = folder / "selector.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stderr=output)
    members.append(Member("selector-0", process, 0, log))
    return members[-1]


def test_a_process_is_struck_by_the_signal_that_was_meant(tmp_path: Path, members: list[Member]) -> None:
    member = running(WAITS, tmp_path, members)
    assert not member.struck_by(signal.SIGKILL) and not member.struck_by(signal.SIGSTOP)
    member.signal(signal.SIGSTOP)
    eventually(lambda: member.struck_by(signal.SIGSTOP))
    assert not member.struck_by(signal.SIGKILL)
    member.signal(signal.SIGKILL)
    eventually(lambda: member.struck_by(signal.SIGKILL))
    assert not member.struck_by(signal.SIGSTOP) and not member.fenced


@pytest.mark.parametrize(("program", "fenced"), [(FENCED_OFF, True), (OTHERWISE, False)])
def test_one_that_ended_by_itself_was_not_struck(
    program: str, fenced: bool, tmp_path: Path, members: list[Member]
) -> None:
    member = running(program, tmp_path, members)
    eventually(lambda: not member.alive)
    assert not member.struck_by(signal.SIGKILL) and not member.struck_by(signal.SIGSTOP)
    assert member.fenced is fenced


def test_ten_attacks_kill_at_every_point_and_stop_once() -> None:
    attacks = plan(10, 7)
    assert set(KILLS) < set(attacks) and len(set(attacks) & set(STOPS)) == 1
    assert {attack.point for attack in STOPS} == set(Point)
    assert plan(10, 7) == attacks != plan(10, 8)


def test_pieces_are_all_records_in_order() -> None:
    records = [InputRecord(0, b"", None, number) for number in range(100)]
    pieces = in_pieces(records, 51)
    assert len(pieces) == 51
    assert [record for piece in pieces for record in piece] == records


@pytest.mark.parametrize(
    ("own_name", "another", "lost", "missed"),
    [
        ([1.0, 2.0], [24.9], 0, []),
        ([1.0, 2.1], [24.9], 0, ["held_s.own_name"]),
        ([], [25.1], 0, ["held_s.another"]),
        ([], [], 1, ["lost"]),
    ],
)
def test_a_goal_that_is_missed_counts(
    own_name: list[float], another: list[float], lost: int, missed: list[str]
) -> None:
    report = Report(Counter(), Difference(10, lost, 0, 0, ()), [1.0], {"own_name": own_name, "another": another})
    assert [name for name, goal in report.goals.items() if goal.met is False] == missed
    assert report.holds is not bool(missed)
    assert report.goals["held_s.own_name"].met is (None if not own_name else own_name[-1] <= 2)

"""The selector is struck at every point of its loop, and nobody can tell from what comes out."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from tests.support.careless import EARLY, LATE

from winnow_cli.chaos.campaign import Attack, plan
from winnow_cli.chaos.orders import Point
from winnow_cli.chaos.selector import run
from winnow_cli.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.chaos]

SEED = int(os.environ.get("WINNOW_CHAOS_SEED", random.SystemRandom().randrange(10**6)))


@pytest.mark.parametrize(("when", "point"), [(EARLY, Point.AFTER_OFFSETS), (LATE, Point.AFTER_COMMIT)])
def test_verdicts_beside_the_transaction_are_found(when: str, point: Point, stack: Stack, tmp_path: Path) -> None:
    careless = (sys.executable, "-m", "tests.support.careless", when)
    seed = SEED + 1 + (when == EARLY)
    report = run(stack, tmp_path, [Attack(point, signal.SIGKILL)], seed=seed, say=print, command=careless)
    found = report.difference
    assert (found.doubled if when == EARLY else found.lost) > 0, f"seed {seed}: {found}"
    assert not report.holds


def test_ten_kills_at_every_point_of_the_loop_leave_no_trace(stack: Stack, tmp_path: Path) -> None:
    report = run(stack, tmp_path, plan(10, SEED), seed=SEED, say=print)
    assert report.difference.holds, f"seed {SEED}: {report.difference}"

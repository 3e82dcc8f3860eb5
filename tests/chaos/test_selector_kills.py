"""The selector is struck at every point of its loop, and nobody can tell from what comes out."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from winnow_cli.chaos.campaign import plan
from winnow_cli.chaos.selector import run
from winnow_cli.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.chaos]

SEED = int(os.environ.get("WINNOW_CHAOS_SEED", random.SystemRandom().randrange(10**6)))


def test_ten_kills_at_every_point_of_the_loop_leave_no_trace(stack: Stack, tmp_path: Path) -> None:
    report = run(stack, tmp_path, plan(10, SEED), seed=SEED, say=print)
    assert report.difference.holds, f"seed {SEED}: {report.difference}"

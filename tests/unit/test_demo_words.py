"""What the demo says in the end: what is still open, and what uniform sampling would have caught."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.test_balance import partition, whole

from ledger.domain.balance import settle
from winnow_cli.demo.compare import compare
from winnow_cli.demo.display import summary
from winnow_cli.demo.run import KEYS, Demo, still_open


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, []),
        ({"pending": 7}, ["7 frames have a verdict that the ledger has not written"]),
        ({"log_end": 13}, ["3 frames wait for the selector"]),
    ],
)
def test_a_demo_with_frames_still_on_their_way_does_not_say_that_all_are_accounted_for(
    more: dict[str, int], words: list[str]
) -> None:
    balance = settle(replace(whole(), partitions=(partition(**more),))).to_json()
    assert balance["balanced"], "what the ledger has not written yet is no loss"
    result = {**{key: balance[key] for key in KEYS}, "seconds": 9.0, "first_kept_s": 1.0, "cameras": 1}
    done = Demo(result, [], still_open(balance), "frame-1")
    assert done.problems == words
    assert done.holds is not bool(words)
    shown = io.StringIO()
    Console(file=shown, width=120).print(summary(done, Path("demo"), kept_running=False))
    assert ("NOT every frame is accounted for." if words else "Every frame is accounted for.") in shown.getvalue()


def test_kept_frames_are_compared_with_as_many_at_even_distances() -> None:
    events = [(100, 104), (500, 899)]
    found = compare("yard", events, kept=[102, 600], frames=1000)
    assert (found.caught, found.showing, found.offsets) == (2, 2, 20)
    # Two frames, 500 apart, from 20 starts 25 apart: 100 to 104 is met by the start at 100 alone, 500 to 899 by those
    # that leave the second frame below 900, which are all of 0 to 375.
    assert found.uniform_mean == (1 + 16) / 20
    assert (found.uniform_least, found.uniform_most) == (0, 2)
    assert compare("yard", events, kept=[0, 450], frames=1000).caught == 0

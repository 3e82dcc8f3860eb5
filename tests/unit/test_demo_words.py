"""What the demo says in the end: what is still open, and what uniform sampling would have caught."""

from __future__ import annotations

from winnow_cli.demo.compare import compare
from winnow_cli.demo.run import still_open


def test_a_balance_with_frames_still_on_their_way_is_a_problem() -> None:
    assert still_open({"unjudged": 0, "pending": 0}) == []
    words = still_open({"unjudged": 3, "pending": 20})
    assert words == ["3 frames wait for the selector", "20 frames have a verdict that the ledger has not written"]


def test_kept_frames_are_compared_with_as_many_at_even_distances() -> None:
    events = [(100, 104), (500, 899)]
    found = compare("yard", events, kept=[102, 600], frames=1000)
    assert (found.caught, found.showing, found.offsets) == (2, 2, 20)
    # Two frames, 500 apart, from 20 starts 25 apart: 100 to 104 is met by the start at 100 alone, 500 to 899 by those
    # that leave the second frame below 900, which are all of 0 to 375.
    assert found.uniform_mean == (1 + 16) / 20
    assert (found.uniform_least, found.uniform_most) == (0, 2)
    assert compare("yard", events, kept=[0, 450], frames=1000).caught == 0

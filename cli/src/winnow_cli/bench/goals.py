"""Goals of a benchmark: what was wanted, what was measured, and whether it was reached."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from rich.console import Console


class Goal(TypedDict):
    """`goal` says what and which way, as in "frames/s, at least"."""

    goal: str
    wanted: float
    measured: float
    met: bool


def at_least(text: str, measured: float, wanted: float) -> Goal:
    return Goal(goal=f"{text}, at least", wanted=wanted, measured=measured, met=measured >= wanted)


def at_most(text: str, measured: float, wanted: float) -> Goal:
    return Goal(goal=f"{text}, at most", wanted=wanted, measured=measured, met=measured <= wanted)


def show_goals(console: Console, found: Iterable[Goal]) -> None:
    """A line for each."""
    for one in found:
        console.print(f"{'met   ' if one['met'] else 'missed'}  {one['goal']} {one['wanted']:g}: {one['measured']:.3g}")

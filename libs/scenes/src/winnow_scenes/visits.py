"""When which object comes by: drawn from the seed alone, the same for every camera of a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from winnow_scenes.mesh import Mesh


@dataclass(frozen=True)
class Visit:
    """One object's way through the scene; `pose(seconds since start_s)` is its mesh in the world."""

    visit: int
    label: str
    start_s: float
    end_s: float
    pose: Callable[[float], Mesh]


EVENNESS = 12.0
VisitMaker = Callable[[int, float, np.random.Generator], Visit]


class Schedule:
    """Visits in order of their start, drawn as far as somebody asks.

    Gaps between starts are gamma distributed (shape EVENNESS): at random, yet seldom bunched.
    """

    def __init__(self, seed: int, visits_per_minute: float, make: VisitMaker) -> None:
        self._rng = np.random.default_rng([seed, 0x51])
        self._gap_s = 60 / visits_per_minute
        self._make = make
        self._visits: list[Visit] = []
        self._drawn_to_s = float(self._rng.uniform(0.2, 0.6)) * self._gap_s

    def at(self, t_s: float) -> Iterator[Visit]:
        """The visits under way at `t_s`."""
        while self._drawn_to_s <= t_s:
            self._visits.append(self._make(len(self._visits), self._drawn_to_s, self._rng))
            self._drawn_to_s += float(self._rng.gamma(EVENNESS, self._gap_s / EVENNESS))
        return (visit for visit in self._visits if visit.start_s <= t_s < visit.end_s)

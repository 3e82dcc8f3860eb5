"""Frames that are blurred, in fog or wrongly exposed, and the same camera's good ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from winnow_cli.bench.quality.degrade import (
    Picture,
    Sensor,
    defocused,
    exposed,
    fogged,
    infrared,
    jpeg,
    motion_blurred,
    with_clock,
)
from winnow_cli.bench.quality.viewpoints import Viewpoint

Chance = np.random.Generator
GOOD = "good"
DEFOCUS, MOTION, FOG, DARKER, BRIGHTER = "defocus", "motion", "fog", "darker", "brighter"

DEFECTS: dict[str, Callable[[Picture, Chance], Picture]] = {
    DEFOCUS: lambda picture, chance: defocused(picture, float(chance.uniform(0.8, 3))),
    MOTION: lambda picture, chance: motion_blurred(
        picture, float(chance.uniform(5, 25)), float(chance.uniform(0, np.pi))
    ),
    FOG: lambda picture, chance: fogged(picture, float(chance.uniform(0.4, 0.8)), float(chance.uniform(0.5, 0.8))),
    DARKER: lambda picture, chance: exposed(picture, -float(chance.uniform(1, 3))),
    BRIGHTER: lambda picture, chance: exposed(picture, float(chance.uniform(1, 3))),
}
"""Strengths: sigma .8 to 3 px; 5 to 25 px in any direction; transmission .4 to .8, airlight .5 to .8; 1 to 3 EV."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the camera looks at the scene: `sees` before anything is spoiled, the sensor's `gain`, a burnt-in clock."""

    name: str
    sees: Callable[[Picture], Picture] = lambda picture: picture
    gain: float = 1.0
    clock: bool = False


DAY = Condition("day")
CLOCK = Condition("clock", clock=True)
NIGHT = Condition("night", lambda picture: exposed(picture, -2), gain=4.0)
INFRARED = Condition("infrared", infrared, gain=2.0)
CONDITIONS = (DAY, CLOCK, NIGHT, INFRARED)


@dataclass(frozen=True, slots=True)
class Shot:
    """A JPEG of a camera; `kind` is good or what spoiled it."""

    camera: str
    kind: str
    image: bytes


class Studio:
    """Takes a camera's pictures under a condition; seeded."""

    def __init__(self, view: Viewpoint, condition: Condition, seed: int) -> None:
        self._view, self._condition = view, condition
        self._chance = np.random.default_rng([seed, 0x57])
        self._sensor = Sensor(view.pictures[0].shape[:2], seed)

    def shot(self, picture: Picture, at: datetime, kind: str = GOOD) -> bytes:
        seen = self._condition.sees(picture)
        if kind != GOOD:
            seen = DEFECTS[kind](seen, self._chance)
        taken = self._sensor.expose(seen, gain=self._condition.gain)
        return jpeg(with_clock(taken, at) if self._condition.clock else taken, self._view.quality)

    def ordinary(self, begin: datetime, interval_s: float) -> Iterator[bytes]:
        """All of the camera's pictures in their order, none spoiled."""
        for number, picture in enumerate(self._view.pictures):
            yield self.shot(picture, begin + timedelta(seconds=number * interval_s))

    def shots(self, at: datetime, kinds: tuple[str, ...], count: int) -> Iterator[Shot]:
        """`count` good ones, and as many of each kind, of pictures drawn at random."""
        for kind in (GOOD, *kinds):
            for _ in range(count):
                picture = self._view.pictures[int(self._chance.integers(len(self._view.pictures)))]
                yield Shot(self._view.name, kind, self.shot(picture, at, kind))

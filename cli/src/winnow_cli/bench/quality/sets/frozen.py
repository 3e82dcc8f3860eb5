"""Feeds that stand still, and live cameras before a scene in which nothing moves but a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from winnow_cli.bench.quality.degrade import Picture, Sensor, jpeg, with_clock
from winnow_cli.bench.quality.sets.defects import Chance, Condition, Studio
from winnow_cli.bench.quality.viewpoints import Viewpoint

OTHER_QUALITY = 3


@dataclass(frozen=True, slots=True)
class Freeze:
    """How the last picture comes again: `again` makes a JPEG of it (noise and all), of its quality and the time.

    `stalled`: `captured_at` stands still, too.
    """

    name: str
    again: Callable[[Picture, int, datetime, Chance], bytes] = lambda taken, quality, _at, _chance: jpeg(taken, quality)
    clock: bool = False
    stalled: bool = False


def _of_other_quality(taken: Picture, quality: int, _: datetime, chance: Chance) -> bytes:
    return jpeg(taken, quality + int(chance.integers(-OTHER_QUALITY, OTHER_QUALITY + 1)))


def _under_a_clock(taken: Picture, quality: int, at: datetime, _: Chance) -> bytes:
    return jpeg(with_clock(taken, at), quality)


FREEZES = (
    Freeze("the same bytes"),
    Freeze("the same bytes, captured_at stalled", stalled=True),
    Freeze("encoded again, quality +-3", _of_other_quality),
    Freeze("encoded again under a ticking clock", _under_a_clock, clock=True),
)


def freezes(
    view: Viewpoint, freeze: Freeze, at: Callable[[int], datetime], seed: int, *, count: int, frames: int
) -> Iterator[list[bytes]]:
    """`count` times a picture with its noise, and the same `frames` times more; `at` gives the time of each."""
    chance = np.random.default_rng([seed, 0xF2])
    sensor = Sensor(view.pictures[0].shape[:2], seed)
    for _ in range(count):
        taken = sensor.expose(view.pictures[int(chance.integers(len(view.pictures)))])
        yield [freeze.again(taken, view.quality, at(number), chance) for number in range(frames + 1)]


@dataclass(frozen=True, slots=True)
class Still:
    """A camera with a clock in its picture: gain of its sensor before and while nothing moves, and its JPEGs' quality.

    None is the camera's own quality.
    """

    name: str
    usual_gain: float
    gain: float
    quality: int | None = None

    def view(self, view: Viewpoint) -> Viewpoint:
        return replace(view, quality=self.quality) if self.quality is not None else view


STILLS = (
    Still("ordinary noise", 1, 1),
    Still("little noise", 1 / 16, 1 / 16),
    Still("ordinary noise, q40", 1, 1, 40),
    Still("little noise, q40", 1 / 16, 1 / 16, 40),
    Still("noise falls to a quarter", 4, 1 / 4),
)
"""Noise goes by the root of the gain: half a grey level at a gain of 1/16."""


def usual(view: Viewpoint, still: Still, begin: datetime, interval_s: float, seed: int) -> Iterator[bytes]:
    """Every second of the camera's pictures, as they come before nothing moves any more."""
    half = replace(still.view(view), pictures=view.pictures[::2])
    studio = Studio(half, Condition(still.name, gain=still.usual_gain, clock=True), seed)
    return studio.ordinary(begin, interval_s)


def stills(
    view: Viewpoint, still: Still, at: Callable[[int], datetime], seed: int, *, count: int, frames: int
) -> Iterator[list[bytes]]:
    """`count` times a picture, `frames` times, each with noise of its own under a clock that ticks."""
    chance = np.random.default_rng([seed, 0xF3])
    studio = Studio(still.view(view), Condition(still.name, gain=still.gain, clock=True), seed)
    for _ in range(count):
        picture = view.pictures[int(chance.integers(len(view.pictures)))]
        yield [studio.shot(picture, at(number)) for number in range(frames)]

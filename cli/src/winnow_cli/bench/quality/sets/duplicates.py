"""Pairs of frames of one camera: the same scene under another noise, light or encoding, or something new in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from winnow_cli.bench.quality.degrade import Picture, Sensor, exposed, jpeg, shaken, with_object
from winnow_cli.bench.quality.viewpoints import Viewpoint

Chance = np.random.Generator
LEAST_CHANGE, LEAST_CHANGED_SHARE = 20, 0.001
"""Grey levels, and the share of the picture that is changed by as much where something counts as visible."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two JPEGs of a camera; `same` if nothing is new in the second."""

    camera: str
    kind: str
    same: bool
    reference: bytes
    other: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What lies between two frames besides what is new: `light` before the sensor's noise, `encode` after it."""

    light: Callable[[Picture, Chance], Picture] = lambda picture, _: picture
    gain: tuple[float, float] = (1.0, 1.0)
    encode: Callable[[Picture, int, Chance], bytes] = lambda picture, quality, _: jpeg(picture, quality)


def _shaken(picture: Picture, chance: Chance) -> Picture:
    reach, angle = 1.5 * np.sqrt(chance.uniform()), chance.uniform(0, 2 * np.pi)
    return shaken(picture, reach * np.cos(angle), reach * np.sin(angle))


def _stops(least: float, most: float) -> Callable[[Picture, Chance], Picture]:
    return lambda picture, chance: exposed(picture, float(chance.uniform(least, most) * chance.choice((-1, 1))))


def _again(picture: Picture, quality: int, chance: Chance) -> bytes:
    return jpeg(_decoded(jpeg(picture, quality)), int(chance.integers(50, 96)))


def _resized(picture: Picture, quality: int, chance: Chance) -> bytes:
    factor = float(np.exp(chance.uniform(np.log(0.5), np.log(2))))
    height, width = (round(side * factor) for side in picture.shape[:2])
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    copy = cv2.resize(_decoded(jpeg(picture, quality)), (width, height), interpolation=kind)
    return jpeg(np.asarray(copy, np.uint8), int(chance.integers(50, 96)))


def _decoded(image: bytes) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)


CHANGES = {
    "as it comes": Change(),
    "sensor noise, 2 to 4 times": Change(gain=(4.0, 16.0)),
    "shake to 1.5 px": Change(_shaken),
    "exposure to +-1 EV": Change(_stops(0, 1)),
    "exposure +-1 to 3 EV": Change(_stops(1, 3)),
    "re-encoded, q50-95": Change(encode=_again),
    "copies: resized .5 to 2, q50-95": Change(encode=_resized),
}
OBJECTS = {
    "as it comes": Change(),
    "with shake to 1.5 px": Change(_shaken),
    "with exposure to +-1 EV": Change(_stops(0, 1)),
}
SIZES = ((0.0005, 0.001), (0.001, 0.002))
"""Shares of the picture that an object covers."""


def pairs(view: Viewpoint, seed: int, count: int) -> Iterator[Pair]:
    """Of each kind of change `count` pairs, every second the same scene. None of a camera whose events are unknown.

    The same: two empty frames of one run, or a frame and itself. Something new: an event before an empty scene or the
    other way round, or another event.
    """
    if not view.empty or not view.events:
        return
    chance = np.random.default_rng([seed, 0xD0])
    sensor = Sensor(view.pictures[0].shape[:2], seed)
    for kind, change in CHANGES.items():
        for number in range(count):
            same = number % 2 == 0
            shown = _alike(view, chance) if same else _different(view, chance)
            yield _pair(view, shown, change, chance, sensor, kind=kind, same=same)


def objects(view: Viewpoint, seed: int, count: int) -> Iterator[tuple[tuple[float, float], Pair]]:
    """Pairs with a small object in the second frame: its range of sizes, and `count` pairs of each kind and size."""
    if not view.empty:
        return
    chance = np.random.default_rng([seed, 0x0B])
    sensor = Sensor(view.pictures[0].shape[:2], seed)
    for size in SIZES:
        for kind, change in OBJECTS.items():
            for _ in range(count):
                first, second = _alike(view, chance)
                second = with_object(second, chance, float(chance.uniform(*size)))
                yield size, _pair(view, (first, second), change, chance, sensor, kind=kind, same=False)


def _pair(
    view: Viewpoint,
    shown: tuple[Picture, Picture],
    change: Change,
    chance: Chance,
    sensor: Sensor,
    *,
    kind: str,
    same: bool,
) -> Pair:
    first, second = shown
    reference = jpeg(sensor.expose(first), view.quality)
    changed = sensor.expose(change.light(second, chance), gain=float(chance.uniform(*change.gain)))
    return Pair(view.name, kind, same, reference, change.encode(changed, view.quality, chance))


def _alike(view: Viewpoint, chance: Chance) -> tuple[Picture, Picture]:
    if view.events and chance.uniform() < 0.3:
        one = view.pictures[_any(view.events, chance)]
        return one, one
    run = view.empty[int(chance.integers(len(view.empty)))]
    first, second = chance.choice(run, 2, replace=False)
    return view.pictures[first], view.pictures[second]


def _different(view: Viewpoint, chance: Chance) -> tuple[Picture, Picture]:
    while True:
        event, empty = view.pictures[_any(view.events, chance)], view.pictures[_any(view.empty, chance)]
        other = view.pictures[_any(view.events, chance)]
        first, second = ((empty, event), (event, empty), (event, other))[int(chance.integers(3))]
        if _changed_share(first, second) >= LEAST_CHANGED_SHARE:
            return first, second


def _any(runs: tuple[tuple[int, ...], ...], chance: Chance) -> int:
    run = runs[int(chance.integers(len(runs)))]
    return run[int(chance.integers(len(run)))]


def _changed_share(first: Picture, second: Picture) -> float:
    """Of the picture, that which somebody sees to be different."""
    small = [
        cv2.resize(one, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).max(axis=2) for one in (first, second)
    ]
    return float((cv2.absdiff(*small) > LEAST_CHANGE).mean())

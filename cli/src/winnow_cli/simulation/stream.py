"""A simulated camera's day: when something comes by, what the light does, and a signature for every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from selector.domain.grids import DETAIL_SHAPE, LUMA_SHAPE
from selector.domain.signature import Signature
from winnow_cli.simulation.library import Change, Grid, Place

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
START_HOUR = 12.0
"""A day is simulated from noon to noon."""

LEAST_BETWEEN_S = 15.0
NOISE_BANK, CHUNK = 512, 256
WAVES = np.array([1.0, 2.3, 0.37])
SATURATED = 251
NIGHT_LIGHT = 0.2
DUSK_S = 1800.0

Floats = npt.NDArray[np.float64]
Tiles = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Visit:
    """An object's stay in the picture, seconds since the simulation began."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SimulatedFrame:
    """`visit` is the place in the camera's visits of the one that the frame shows, None where it shows none."""

    at_s: float
    signature: Signature
    visit: int | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What a camera sees. `rate` gives visits an hour at an hour of the clock, `stay_s` their median length.

    `clouds` is how much the light of a part of the picture wanders, `clouds_s` how fast; `off` are the hours without
    frames.
    """

    name: str
    place: str
    rate: Callable[[float], float]
    stay_s: float = 30.0
    night: bool = False
    clouds: float = 0.03
    clouds_s: float = 3600.0
    off: tuple[float, float] = (0.0, 0.0)


def _hour(times: Floats) -> Floats:
    """Hours of the clock, 0 to 24, at seconds since the simulation began."""
    return (START_HOUR + times / HOUR_S) % 24


def _daytime(hour: float) -> float:
    return 1.0 if 7 <= hour < 20 else 0.0


def _rush(hour: float) -> float:
    return 6.0 if 7 <= hour < 9 or 16 <= hour < 18 else 1.0


KINDS = (
    Kind("steady", "yard", lambda _: 6.0),
    Kind("bursts", "yard", lambda hour: 4.0 * _rush(hour), stay_s=60.0),
    Kind("night", "yard", lambda hour: 10.0 * _daytime(hour), stay_s=60.0, night=True),
    Kind("silence", "conveyor", lambda _: 10.0, stay_s=60.0, off=(1.0, 7.0)),
    Kind("busy", "conveyor", lambda _: 400.0, stay_s=10.0),
    Kind("clouds", "yard", lambda _: 6.0, clouds=0.25, clouds_s=300.0),
    Kind("rare", "yard", lambda _: 0.5),
    Kind("still", "conveyor", lambda _: 0.0),
)
"""The first six hold as many different frames as a budget of 12 an hour asks for, the last two do not."""


class CameraDay:
    """A day of a camera of a kind, a frame every `interval_s`; the same for the same seed."""

    def __init__(self, kind: Kind, place: Place, *, interval_s: float, seed: int) -> None:
        self._kind, self._place = kind, place
        self._rng = np.random.default_rng([seed, 0xDA])
        self.visits = tuple(self._arrivals())
        jitter = self._rng.uniform(-0.1, 0.1, int(DAY_S / interval_s))
        times = (np.arange(jitter.size) + 0.5 + jitter) * interval_s
        hours = _hour(times)
        self._times = times[~((hours >= kind.off[0]) & (hours < kind.off[1]))]
        self._appearance = self._rng.integers(0, len(place.visits), len(self.visits))
        # No two objects take the same way: else the second would be rightly taken for the first.
        self._down = self._rng.integers(-4, 5, len(self.visits))
        self._right = self._rng.integers(-5, 6, len(self.visits))
        self._strength = self._rng.uniform(0.6, 1.0, len(self.visits)).astype(np.float32)

    def frames(self) -> Iterator[SimulatedFrame]:
        """Every frame in order of time."""
        (fine, coarse), clouds = self._noise_banks(), self._cloud_fields()
        phases = self._rng.uniform(0, 2 * np.pi, (2, 3))
        picked = self._rng.integers(0, NOISE_BANK, self._times.size)
        shown = self._shown()
        for first in range(0, self._times.size, CHUNK):
            times, here = self._times[first : first + CHUNK], shown[first : first + CHUNK]
            waves = np.sin(2 * np.pi * times[:, None, None] / self._kind.clouds_s * WAVES + phases).sum(axis=2)
            day = self._light(times)[:, None]
            cells = np.stack([self._scene(visit, at_s) for visit, at_s in zip(here, times, strict=True)])
            cells = cells * day * (1 + self._kind.clouds / 2 * waves @ clouds)
            chosen = picked[first : first + CHUNK]
            cells += fine[chosen] * np.where(day < 0.5, 2.0, 1.0) + coarse[chosen] * day
            luma = np.clip(np.round(cells), 0, 255).astype(np.uint8)
            luma.flags.writeable = False
            log_luma, saturated = np.log2(1.0 + luma).mean(axis=1), (luma >= SATURATED).mean(axis=1)
            for index, at_s in enumerate(times):
                gradient, ac_bits = self._detail(int(here[index]), float(at_s))
                signature = replace(
                    self._place.signature,
                    luma=luma[index].reshape(LUMA_SHAPE),
                    gradient=gradient,
                    ac_bits=ac_bits,
                    mean_log_luma=float(log_luma[index]),
                    saturated_share=float(saturated[index]),
                )
                yield SimulatedFrame(float(at_s), signature, int(here[index]) if here[index] >= 0 else None)

    def _shown(self) -> npt.NDArray[np.int64]:
        """Of each frame its visit, -1 where there is none."""
        if not self.visits:
            return np.full(self._times.size, -1)
        starts, ends = (np.array([getattr(visit, name) for visit in self.visits]) for name in ("start_s", "end_s"))
        latest = np.searchsorted(starts, self._times, side="right") - 1
        return np.where((latest >= 0) & (self._times < ends[latest]), latest, -1)

    def _scene(self, visit: int, at_s: float) -> Grid:
        if visit < 0:
            return self._place.empty
        change = np.roll(self._change(visit, at_s).luma, LUMA_SHAPE[1] * self._down[visit] + self._right[visit])
        return np.asarray(self._place.empty + self._strength[visit] * change, np.float32)

    def _detail(self, visit: int, at_s: float) -> tuple[Tiles, Tiles]:
        """Gradient and AC bits: the place's own, and what the object hides and shows, in half as many tiles."""
        detail = self._place.detail
        if visit >= 0:
            tiles = DETAIL_SHAPE[1] * int(self._down[visit] / 2) + int(self._right[visit] / 2)
            change = np.roll(self._change(visit, at_s).detail, tiles, axis=1)
            detail = np.clip(np.round(detail + self._strength[visit] * change), 0, 255)
        grids = detail.astype(np.uint8).reshape(2, *DETAIL_SHAPE)
        grids.flags.writeable = False
        return grids[0], grids[1]

    def _change(self, visit: int, at_s: float) -> Change:
        """What the object of a visit does to the empty picture at a moment of it."""
        stay, pictures = self.visits[visit], self._place.visits[self._appearance[visit]]
        through = (at_s - stay.start_s) / (stay.end_s - stay.start_s)
        found: Change = pictures[int(through * len(pictures))]
        return found

    def _arrivals(self) -> Iterator[Visit]:
        """Starts of a Poisson process by thinning; one visit at a time, each stays for a log-normal time."""
        most = max(self._kind.rate(hour / 4) for hour in range(96))
        at_s = 0.0
        while most > 0:
            at_s += float(self._rng.exponential(HOUR_S / most))
            stay_s = float(self._rng.lognormal(np.log(self._kind.stay_s), 0.5))
            if at_s + stay_s >= DAY_S:
                return
            if self._rng.uniform() * most < self._kind.rate((START_HOUR + at_s / HOUR_S) % 24):
                yield Visit(at_s, at_s + stay_s)
                at_s += stay_s + LEAST_BETWEEN_S

    def _light(self, times: Floats) -> Floats:
        """1 by day, `NIGHT_LIGHT` from 21 to 6, where the camera has a night."""
        if not self._kind.night:
            return np.ones(times.size)
        of_day_s = _hour(times) * HOUR_S
        risen = np.minimum(of_day_s - 6 * HOUR_S, 21 * HOUR_S - of_day_s) / DUSK_S
        return NIGHT_LIGHT + (1 - NIGHT_LIGHT) * np.clip(risen, 0, 1)

    def _noise_banks(self) -> tuple[Grid, Grid]:
        """Two of float32 (512, 1200): of the sensor, more by night, and what stirs over several cells, by light."""
        rows, columns = LUMA_SHAPE
        fine = self._rng.standard_normal((NOISE_BANK, rows, columns), np.float32) * np.float32(0.6)
        coarse = self._rng.standard_normal((NOISE_BANK, rows // 5, columns // 5), np.float32) * np.float32(0.6)
        return fine.reshape(NOISE_BANK, -1), coarse.repeat(5, axis=1).repeat(5, axis=2).reshape(NOISE_BANK, -1)

    def _cloud_fields(self) -> Floats:
        """(2, 1200): where the light wanders, -1 to 1, smooth."""
        y, x = np.mgrid[0 : LUMA_SHAPE[0], 0 : LUMA_SHAPE[1]] / LUMA_SHAPE[1]
        turns = self._rng.uniform(0, 2 * np.pi, 2)
        return np.stack([np.sin(3 * (x * np.cos(turn) + y * np.sin(turn)) + turn).ravel() for turn in turns])

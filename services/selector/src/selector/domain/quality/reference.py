"""A camera's usual detail, learnt on line for each mode of its pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from selector.domain.grids import DETAIL_SHAPE
from selector.domain.quality.measure import UNIT

WARM_UP_STEPS = 32
"""Steps of a reference before anything is held against it."""

AC_WARM_UP_STEPS = 8
"""Steps of the AC bits alone, since they begin anew with new quantisation tables."""

MOST_GAP_MS = 60_000
"""A step is taken once a 32nd of the reference's age has passed since the last one, at the latest after a minute.

So the first 32 frames count each, what stands in the picture for a second or for ten minutes is forgotten, and the
reference moves at most by a quarter of a factor of two in an hour: fog does not become usual while it comes up.
"""

_FIRST_STEP = 16 * UNIT
_LEAST_STEP = UNIT // 32
"""Of the median's steps, of which the n-th is a n-th of the first one: a factor of four at the most."""

LOW = 0.05
"""The quantile of focus and visibility that thresholds are taken from."""

_LOW_FIRST_STEP, _LOW_LEAST_STEP = 0.5, 0.004
"""Steps of those quantiles in factors of two: what stays worse for good is usual after some hours."""

_GRID = np.dtype(">u2")
_TILES = DETAIL_SHAPE[0] * DETAIL_SHAPE[1]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Running medians over a mode's good frames, in `UNIT`s of the signature's steps, and low quantiles.

    `gradient` and `ac_bits` are uint16 (15, 20) and read-only, of pictures of `size` (width, height); `ac_bits` counts
    only for those of the quantisation `tables`, once it has `ac_steps` enough. `luma` is in 4096ths of a factor of two,
    `saturated` in 32768ths of the picture.
    `focus` and `visibility` are the 5 % quantiles of those signals.
    """

    steps: int
    began_ms: int
    stepped_ms: int
    size: tuple[int, int]
    tables: bytes
    ac_steps: int
    luma: int
    saturated: int
    focus: float
    visibility: float
    gradient: npt.NDArray[np.uint16]
    ac_bits: npt.NDArray[np.uint16]

    @property
    def warm(self) -> bool:
        return self.steps >= WARM_UP_STEPS

    def knows(self, tables: bytes) -> bool:
        """Whether AC bits of pictures with these quantisation tables can be held against it."""
        return tables == self.tables and self.ac_steps >= AC_WARM_UP_STEPS

    def due(self, event_ms: int) -> bool:
        """Whether a frame of that time takes a step."""
        age_ms = max(0, self.stepped_ms - self.began_ms)
        return abs(event_ms - self.stepped_ms) >= min(MOST_GAP_MS, age_ms // WARM_UP_STEPS)

    def packed(self) -> bytes:
        """Both grids row by row, big-endian: 1,200 bytes."""
        return self.gradient.astype(_GRID).tobytes() + self.ac_bits.astype(_GRID).tobytes()


def unpacked(packed: bytes) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """The grids of `Reference.packed`; ValueError where the length is not theirs."""
    if len(packed) != 2 * _TILES * _GRID.itemsize:
        raise ValueError(f"a detail reference of {len(packed)} bytes, {2 * _TILES * _GRID.itemsize} expected")
    grids = np.frombuffer(packed, _GRID).astype(np.uint16).reshape(2, *DETAIL_SHAPE)
    grids.flags.writeable = False
    return grids[0], grids[1]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A picture as references learn it: `luma` and `saturated` in the `Reference`'s units, without what is masked."""

    gradient: npt.NDArray[np.uint8]
    ac_bits: npt.NDArray[np.uint8] | None
    size: tuple[int, int]
    tables: bytes
    luma: int
    saturated: int


def first(seen: Observed, event_ms: int) -> Reference:
    """A reference that begins with a frame."""
    gradient = _frozen(seen.gradient * np.uint16(UNIT))
    return Reference(
        steps=1,
        began_ms=event_ms,
        stepped_ms=event_ms,
        size=seen.size,
        tables=seen.tables,
        ac_steps=0 if seen.ac_bits is None else 1,
        luma=seen.luma,
        saturated=seen.saturated,
        focus=0.0,
        visibility=0.0,
        gradient=gradient,
        ac_bits=_frozen(np.zeros(DETAIL_SHAPE, np.uint16) if seen.ac_bits is None else seen.ac_bits * np.uint16(UNIT)),
    )


def stepped(
    reference: Reference,
    seen: Observed,
    event_ms: int,
    *,
    good: bool,
    noisy: bool,
    focus: float | None,
    visibility: float | None,
) -> Reference:
    """The reference after a step: a good frame moves each number towards its own, any frame the low quantiles.

    Of a `noisy` one AC bits teach nothing: they are the sensor's.

    Stochastic approximation of quantiles (Robbins and Monro, 1951), in integers or sums and products of doubles: the
    same on every machine.
    """
    steps = reference.steps + 1
    low_step = max(_LOW_FIRST_STEP / max(1, steps - WARM_UP_STEPS), _LOW_LEAST_STEP)
    after = replace(
        reference,
        steps=steps,
        stepped_ms=event_ms,
        focus=_lowered(reference.focus, focus, low_step),
        visibility=_lowered(reference.visibility, visibility, low_step),
    )
    return _learnt(after, seen, noisy=noisy) if good else after


def _learnt(reference: Reference, seen: Observed, *, noisy: bool) -> Reference:
    step = max(_FIRST_STEP // reference.steps, _LEAST_STEP)
    tables, ac_steps, ac_bits = reference.tables, reference.ac_steps, reference.ac_bits
    if seen.ac_bits is not None and not noisy:
        if seen.tables != tables or ac_steps == 0:
            tables, ac_steps, ac_bits = seen.tables, 1, _frozen(seen.ac_bits * np.uint16(UNIT))
        else:
            ac_steps += 1
            ac_bits = _towards(ac_bits, seen.ac_bits, max(_FIRST_STEP // ac_steps, _LEAST_STEP))
    return replace(
        reference,
        tables=tables,
        ac_steps=ac_steps,
        ac_bits=ac_bits,
        luma=_nearer(reference.luma, seen.luma, step),
        saturated=_nearer(reference.saturated, seen.saturated, step),
        gradient=_towards(reference.gradient, seen.gradient, step),
    )


def _lowered(low: float, value: float | None, step: float) -> float:
    if value is None:
        return low
    return low - step * (1.0 - LOW) if value < low else low + step * LOW


def _towards(usual: npt.NDArray[np.uint16], seen: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint16]:
    wanted = seen.astype(np.int32) * UNIT
    here = usual.astype(np.int32)
    return _frozen(np.asarray(here + np.clip(wanted - here, -step, step), np.uint16))


def _nearer(usual: int, seen: int, step: int) -> int:
    return usual + min(max(seen - usual, -step), step)


def _frozen(grid: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    grid.flags.writeable = False
    return grid

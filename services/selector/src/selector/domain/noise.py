"""A camera's own noise: what a frame of an unchanged scene differs from the kept one most like it."""

from __future__ import annotations

from dataclasses import dataclass

from selector.domain.fit import GridFit

QUANTILE = 0.1
WARM_UP_FRAMES = 30
_SLOWEST_STEP = 0.002

_RESIDUAL_RANGE = (0.25, 64.0)
_COSINE_RANGE = (1e-5, 0.25)

_RESIDUAL_FACTOR = 3.0
_RESIDUAL_BOUNDS = (8.0, 16.0)
_RESIDUAL_WARM_UP = 12.0
_CELL_FACTOR = 2.25
_CERTAIN = 1.0 / _RESIDUAL_FACTOR
"""Of the residual's threshold, what a plain difference may have to need no fit: a floor of such differences alone would
not raise the threshold."""
_COSINE_FACTOR = 4.0
_COSINE_BOUNDS = (0.02, 0.1)
_COSINE_WARM_UP = 0.05


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """Low quantiles over a camera's frames; plain numbers, so that they can be stored as they are.

    `frames` counts what went in. `residual` (grey levels) and `cosine` estimate the 10 % quantile of the
    block residual and the cosine distance to the nearest kept frame: low, since frames with something new in
    them must not raise it.
    """

    frames: int = 0
    residual: float = 3.0
    cosine: float = 0.005


@dataclass(frozen=True, slots=True)
class NearDuplicateThresholds:
    """A frame is a near-duplicate of a kept one only where all three distances are at most these.

    `cosine` is of DCT144, `residual` the largest 2x2 mean after the fit in grey levels, `cell` its largest cell, which
    tells what is smaller than a cell; `warm_up` says that the floor had seen too few frames and these are the defaults.
    """

    cosine: float
    residual: float
    warm_up: bool

    @property
    def cell(self) -> float:
        return _CELL_FACTOR * self.residual

    @property
    def certain(self) -> float:
        """The plain difference of a block up to which no fit is needed."""
        return _CERTAIN * self.residual

    def novelty(self, cosine: float, fit: GridFit) -> float:
        """The largest of the three distances, each over its threshold: up to 1 nothing is new."""
        return max(cosine / self.cosine, fit.block_residual / self.residual, fit.cell_residual / self.cell)


def update_noise_floor(floor: NoiseFloor, *, residual: float, cosine: float) -> NoiseFloor:
    """The floor after one more frame, `residual` and `cosine` being its distances to the nearest kept frame.

    Stochastic approximation of a quantile by multiplied steps (Robbins and Monro, 1951): 2/n at first, never
    less than 0.002, so that 200 seconds of unbroken motion at 25 frames a second raise it by a factor of
    2.7 at most. Only products of IEEE doubles: the same on every machine.
    """
    frames = floor.frames + 1
    step = max(2.0 / (frames + 1), _SLOWEST_STEP)
    return NoiseFloor(
        frames=frames,
        residual=_towards(floor.residual, residual, step, _RESIDUAL_RANGE),
        cosine=_towards(floor.cosine, cosine, step, _COSINE_RANGE),
    )


def near_duplicate_thresholds(floor: NoiseFloor) -> NearDuplicateThresholds:
    """The thresholds of the near-duplicate test from the camera's floor (docs/measurements/near-duplicates.md)."""
    if floor.frames < WARM_UP_FRAMES:
        return NearDuplicateThresholds(_COSINE_WARM_UP, _RESIDUAL_WARM_UP, warm_up=True)
    return NearDuplicateThresholds(
        _clamp(_COSINE_FACTOR * floor.cosine, _COSINE_BOUNDS),
        _clamp(_RESIDUAL_FACTOR * floor.residual, _RESIDUAL_BOUNDS),
        warm_up=False,
    )


def _towards(estimate: float, value: float, step: float, bounds: tuple[float, float]) -> float:
    if value > estimate:
        return _clamp(estimate * (1.0 + step * QUANTILE), bounds)
    return _clamp(estimate / (1.0 + step * (1.0 - QUANTILE)), bounds)


def _clamp(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])

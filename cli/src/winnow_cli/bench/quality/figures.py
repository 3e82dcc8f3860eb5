"""A figure with its 95 % interval, and how each kind of figure is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from selector.domain.estimators import Z_95, wilson

Values = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: `kind` is F1, AUC or share; `n` what it was counted over; `by_camera` the same for each camera.

    `goal` is the least that is wanted, or the most where `at_most`; None where there is no goal.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float
    n: int
    goal: float | None = None
    at_most: bool = False
    by_camera: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was found: `truth` is what it is, `said` what was said of it (or a score), `camera` where."""

    cameras: Sequence[str]
    truth: Truths
    said: Values

    @classmethod
    def of(cls, found: Sequence[tuple[str, bool, float]]) -> Outcomes:
        """From (camera, truth, said)."""
        return cls(
            [camera for camera, _, _ in found],
            np.array([truth for _, truth, _ in found], bool),
            np.array([said for _, _, said in found], float),
        )

    def each_camera(self) -> dict[str, Outcomes]:
        names = np.array(self.cameras)
        return {
            str(name): Outcomes(
                [str(name)] * int((names == name).sum()), self.truth[names == name], self.said[names == name]
            )
            for name in np.unique(names)
        }


def share(
    name: str, found: Sequence[tuple[str, bool]], *, goal: float | None = None, at_most: bool = False, note: str = ""
) -> Figure:
    """Of (camera, whether it was so) the share that was so; interval of Wilson (1927)."""
    hits = [hit for _, hit in found]
    rate = sum(hits) / len(hits) if hits else float("nan")
    low, high = wilson(rate, len(hits)) if hits else (0.0, 1.0)
    by_camera = {camera: _mean([hit for other, hit in found if other == camera]) for camera in _names(found)}
    return Figure(name, "share", rate, low, high, len(hits), goal, at_most, by_camera, note)


def f1(name: str, outcomes: Outcomes, *, goal: float | None = None, note: str = "") -> Figure:
    """F1 of `said` > 0.5 for `truth`; interval by bootstrap over what was judged (percentiles of 1,000 resamples)."""
    said = outcomes.said > 0.5
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, said.size, (RESAMPLES, said.size))
    resampled = [_f1(outcomes.truth[row], said[row]) for row in drawn]
    low, high = np.nanpercentile(resampled, (2.5, 97.5))
    by_camera = {camera: _f1(one.truth, one.said > 0.5) for camera, one in outcomes.each_camera().items()}
    value = _f1(outcomes.truth, said)
    return Figure(name, "F1", value, float(low), float(high), said.size, goal, False, by_camera, note)


def best_f1(name: str, outcomes: Outcomes, *, goal: float | None = None) -> Figure:
    """F1 at the one threshold of `said` (truth below it) that is best on these very outcomes: what the score can do."""
    order = np.sort(np.unique(outcomes.said))
    places = order[np.linspace(0, order.size - 1, min(order.size, 200)).astype(int)]
    best = max(places, key=lambda at: _f1(outcomes.truth, outcomes.said <= at))
    decided = Outcomes(outcomes.cameras, outcomes.truth, (outcomes.said <= best).astype(float))
    return f1(name, decided, goal=goal, note=f"threshold {best:.3g}")


def auc(name: str, outcomes: Outcomes, *, goal: float | None = None, note: str = "") -> Figure:
    """The chance that `said` is lower where `truth` holds than where not; interval of DeLong et al. (1988)."""
    value, deviation = _auc(outcomes)
    low, high = max(0.0, value - Z_95 * deviation), min(1.0, value + Z_95 * deviation)
    by_camera = {camera: _auc(one)[0] for camera, one in outcomes.each_camera().items()}
    return Figure(name, "AUC", value, low, high, outcomes.said.size, goal, False, by_camera, note)


def _auc(outcomes: Outcomes) -> tuple[float, float]:
    """Area under the curve and its standard deviation, by the placements of each side in the other; ties half."""
    low, high = outcomes.said[outcomes.truth], outcomes.said[~outcomes.truth]
    if not low.size or not high.size:
        return float("nan"), float("nan")
    of_low, of_high = 1 - _placements(low, high), _placements(high, low)
    variance = of_low.var(ddof=min(1, low.size - 1)) / low.size + of_high.var(ddof=min(1, high.size - 1)) / high.size
    return float(of_low.mean()), float(np.sqrt(variance))


def _placements(values: Values, others: Values) -> Values:
    """Of each value the share of `others` below it, ties half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + up_to) / (2 * ordered.size), float)


def _f1(truth: Truths, said: Truths) -> float:
    hit = int((truth & said).sum())
    wrong = int((truth ^ said).sum())
    return 2 * hit / (2 * hit + wrong) if hit + wrong else float("nan")


def _names(found: Sequence[tuple[str, bool]]) -> list[str]:
    return sorted({camera for camera, _ in found})


def _mean(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)

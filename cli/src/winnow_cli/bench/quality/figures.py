"""A figure with its 95 % interval, and how each kind of figure is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from selector.domain.estimators import Z_95, wilson

Values = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: `kind` is F1, AUC or share; `n` what it was counted over; `by_camera` the same for each camera.

    `goal` is the least that is wanted, or the most where `at_most`; None where there is no goal. `value` is None, and
    the interval everything, where there was nothing to count: a goal is missed then, too.
    """

    name: str
    kind: str
    value: float | None
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
        if self.value is None:
            return False
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
    name: str,
    found: Sequence[tuple[str, float]],
    *,
    goal: float | None = None,
    at_most: bool = False,
    note: str = "",
    independent: int | None = None,
) -> Figure:
    """Of (camera, whether it was so, or its chance) the share that was so; interval of Wilson (1927).

    `independent`: how many of them do not repeat each other, where some do; the interval goes by these.
    """
    count = len(found) if independent is None else independent
    value = sum(so for _, so in found) / len(found) if found else None
    low, high = wilson(value or 0.0, count if found else 0)
    by_camera = {camera: _mean([so for other, so in found if other == camera]) for camera in _names(found)}
    return Figure(name, "share", value, low, high, count, goal, at_most, by_camera, note)


def f1(name: str, outcomes: Outcomes, *, goal: float | None = None, note: str = "") -> Figure:
    """F1 of `said` > 0.5 for `truth`.

    F1 is 2J / (1 + J) of J, the share of hits in what is true or said to be (Hand, Christen and Kirielle, 2021), so its
    interval is that of Wilson (1927) for J: where all are hits, too, it is not empty.
    """
    said = outcomes.said > 0.5
    hits, either = int((outcomes.truth & said).sum()), int((outcomes.truth | said).sum())
    low, high = wilson(hits / max(either, 1), either)
    each = {camera: _f1(one.truth, one.said > 0.5) for camera, one in outcomes.each_camera().items()}
    by_camera = {camera: value for camera, value in each.items() if value is not None}
    value = _f1(outcomes.truth, said)
    return Figure(name, "F1", value, _of_share(low), _of_share(high), said.size, goal, False, by_camera, note)


def best_f1(name: str, outcomes: Outcomes, *, goal: float | None = None) -> Figure:
    """F1 at the one threshold of `said` (truth below it) that is best on these very outcomes: what the score can do."""
    order = np.sort(np.unique(outcomes.said))
    places = order[np.linspace(0, order.size - 1, min(order.size, 200)).astype(int)]
    best = max(places, key=lambda at: _f1(outcomes.truth, outcomes.said <= at) or 0.0)
    decided = Outcomes(outcomes.cameras, outcomes.truth, (outcomes.said <= best).astype(float))
    return f1(name, decided, goal=goal, note=f"threshold {best:.3g}")


def auc(name: str, outcomes: Outcomes, *, goal: float | None = None, note: str = "") -> Figure:
    """The chance that `said` is lower where `truth` holds than where not; interval of DeLong et al. (1988).

    Where the sides do not overlap that interval is empty. Then it is that of Wilson (1927) for as many independent
    pairs as the smaller side has, each of them in order with the chance that the area is.
    """
    value, low, high = _auc(outcomes)
    each = {camera: _auc(one)[0] for camera, one in outcomes.each_camera().items()}
    by_camera = {camera: area for camera, area in each.items() if area is not None}
    return Figure(name, "AUC", value, low, high, outcomes.said.size, goal, False, by_camera, note)


def _auc(outcomes: Outcomes) -> tuple[float | None, float, float]:
    """Area under the curve, by the placements of each side in the other (ties half), and its interval."""
    lower, higher = outcomes.said[outcomes.truth], outcomes.said[~outcomes.truth]
    if not lower.size or not higher.size:
        return None, 0.0, 1.0
    of_lower, of_higher = 1 - _placements(lower, higher), _placements(higher, lower)
    area = float(of_lower.mean())
    variance = sum(of.var(ddof=min(1, of.size - 1)) / of.size for of in (of_lower, of_higher))
    if not variance:
        return area, *wilson(area, min(lower.size, higher.size))
    half = Z_95 * float(np.sqrt(variance))
    return area, max(0.0, area - half), min(1.0, area + half)


def _placements(values: Values, others: Values) -> Values:
    """Of each value the share of `others` below it, ties half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + up_to) / (2 * ordered.size), float)


def _f1(truth: Truths, said: Truths) -> float | None:
    hit, wrong = int((truth & said).sum()), int((truth ^ said).sum())
    return 2 * hit / (2 * hit + wrong) if hit + wrong else None


def _of_share(hits: float) -> float:
    """F1 of the share of hits in what is true or said to be."""
    return 2 * hits / (1 + hits)


def _names(found: Sequence[tuple[str, float]]) -> list[str]:
    return sorted({camera for camera, _ in found})


def _mean(hits: Sequence[float]) -> float:
    return sum(hits) / len(hits)

"""The autopilot: which new frames the budget is spent on.

Novelty is the factor by which a frame is over the near-duplicate thresholds: up to 1 it is a near-duplicate. A new
frame *arrives*, and may be kept for that alone, where its novelty is above the product of two moving factors: the
`bar`, which follows how many arrivals the budget has room for, and the `level` of what the event under way has shown
already. Any other new frame is a further one of its event and waits for the budget's spacing. See docs/budget.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from selector.domain.budget import Bucket, heartbeat_interval_ms, pace, spacing_ms
from winnow.events import SelectionPolicy

GAIN, RAISE = 0.1, 1.105170918
"""Gain of the quantile tracking, on the bar's logarithm, and e to its power: an arrival raises the bar by that factor.

The time in which the budget has room for one lowers it by as much.
"""

HIGHEST = 64.0
RISE = 4.0
"""An event must show four times the novelty of what was kept of it to arrive again."""

HALVES_MS = 1500
"""The level falls by half in this time (a third faster at video rates), down to what is still to be seen."""

FOLLOW_MS = 2000
"""What arrives is often an edge of it: from half a bucket up, one further frame may follow after this time."""


class Autopilot(NamedTuple):
    """Both factors, 1 (the near-duplicate thresholds) and up.

    `unfollowed`: nothing was kept since the last arrival.
    """

    bar: float = 1.0
    level: float = 1.0
    unfollowed: bool = False


class Admission(NamedTuple):
    """What becomes of a readable frame: novel, heartbeat, near_duplicate or over_budget.

    `least_novelty` is what it must be above to arrive, `spacing_ms` the time that it must be after the last kept one
    else.
    """

    reason: str
    least_novelty: float
    spacing_ms: float
    arrived: bool


def admit(
    autopilot: Autopilot,
    bucket: Bucket,
    policy: SelectionPolicy,
    *,
    novelty: float | None,
    since_kept_ms: float | None,
) -> Admission:
    """Whether a frame is kept. `novelty` and `since_kept_ms` are None where nothing was kept before.

    A full bucket asks an arrival only to be no near-duplicate, an empty one that it is above the whole bar.
    """
    fill = bucket.tokens / policy.burst
    least_novelty = autopilot.level * (1.0 + (autopilot.bar - 1.0) * (1.0 - fill))
    least_ms = spacing_ms(bucket, per_hour=policy.kept_per_hour, burst=policy.burst)
    if autopilot.unfollowed and fill > 0.5:
        least_ms = min(least_ms, FOLLOW_MS)
    funded = bucket.tokens >= 1.0
    if novelty is not None and novelty <= 1.0:
        every_ms = heartbeat_interval_ms(per_hour=policy.kept_per_hour, share=policy.heartbeat_share)
        due = since_kept_ms is not None and abs(since_kept_ms) >= every_ms
        return Admission("heartbeat" if due and funded else "near_duplicate", least_novelty, least_ms, False)
    arrives = novelty is None or novelty > least_novelty
    spaced = since_kept_ms is None or abs(since_kept_ms) >= least_ms
    kept = funded and (arrives or spaced)
    return Admission("novel" if kept else "over_budget", least_novelty, least_ms, kept and arrives)


def follow(
    autopilot: Autopilot,
    policy: SelectionPolicy,
    bucket: Bucket,
    admission: Admission | None,
    *,
    novelty: float | None,
    elapsed_ms: int,
) -> Autopilot:
    """The factors after one more frame; `admission` is None where it was not for the budget to decide.

    The bar approximates the quantile of arriving novelty that leaves as many arrivals as the budget has room for
    (Robbins and Monro, 1951); by factors, so that only sums, products and quotients of IEEE doubles are in it: the same
    on every machine.
    """
    arrived = admission is not None and admission.arrived
    per_hour = policy.kept_per_hour * pace(bucket, per_hour=policy.kept_per_hour) * (1.0 - policy.heartbeat_share)
    bar = autopilot.bar / (1.0 + GAIN * per_hour * elapsed_ms / 3_600_000)
    if arrived:
        bar *= RAISE
    kept_as_new = admission is not None and admission.reason == "novel"
    return Autopilot(
        bar=min(max(bar, 1.0), HIGHEST),
        level=_level(autopilot.level, novelty, elapsed_ms, kept=kept_as_new),
        unfollowed=arrived or (autopilot.unfollowed and not kept_as_new),
    )


def _level(level: float, novelty: float | None, elapsed_ms: int, *, kept: bool) -> float:
    if novelty is None:
        return level
    shown = RISE * novelty if novelty > 1.0 else 1.0
    if kept:
        return max(level, shown)
    return max(min(level, shown), _halved(level, elapsed_ms))


def _halved(level: float, elapsed_ms: int) -> float:
    """The level after that time: halved in each whole `HALVES_MS`, and between two of them by a quotient."""
    halves, rest_ms = divmod(elapsed_ms, HALVES_MS)
    return math.ldexp(level / (1.0 + rest_ms / HALVES_MS), -min(halves, 1000))

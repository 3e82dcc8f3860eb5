"""The budget of kept frames: a token bucket over event time and its reserve, and the times it asks between kept frames.

What an hour has earned goes into the bucket. What finds no room there, since little was new, goes into the reserve and
comes back later: so the budget holds over a day, and not only over a busy hour (docs/budget.md).
"""

from __future__ import annotations

from typing import NamedTuple

SPACING = 2.0
RESERVE_H = 12.0
"""The reserve holds what this many hours earn: a night."""

RETURN_H, REPAY_H = 0.1, 4.0
"""Time constants by which the reserve comes back, and an advance is paid back."""

LEAST_PACE, MOST_PACE = 0.5, 4.0
"""How fast the bucket fills, as factors of the policy's frames an hour."""


class Bucket(NamedTuple):
    """Tokens and reserve in frames, as they were at a moment; `at_ms` is None before the first frame.

    The first frame finds a full bucket. Half of it is an advance, a reserve below zero: a day ends with about half a
    bucket, and so has kept what it earned.
    """

    tokens: float = 0.0
    at_ms: int | None = None
    reserve: float = 0.0


def refill(bucket: Bucket, *, per_hour: float, burst: float, now_ms: int) -> Bucket:
    """The bucket at `now_ms`. Time that goes back gives nothing.

    A little back (frames out of order) waits until the old time is reached again, so that no time counts twice; further
    back than a bucket takes to fill is another clock or older footage, and counts on from there.
    """
    if bucket.at_ms is None:
        return Bucket(burst, now_ms, -burst / 2)
    elapsed_ms = now_ms - bucket.at_ms
    if elapsed_ms < 0:
        return bucket._replace(at_ms=now_ms) if -elapsed_ms > burst * 3_600_000 / per_hour else bucket
    hours = elapsed_ms / 3_600_000
    earned = per_hour * hours
    returned = bucket.reserve * min(1.0, hours / (RETURN_H if bucket.reserve > 0 else REPAY_H))
    returned = min(max(returned, (LEAST_PACE - 1.0) * earned), (MOST_PACE - 1.0) * earned)
    added = min(earned + returned, burst - bucket.tokens)
    return Bucket(bucket.tokens + added, now_ms, min(bucket.reserve + earned - added, RESERVE_H * per_hour))


def pace(bucket: Bucket, *, per_hour: float) -> float:
    """How fast the bucket fills, as a factor of `per_hour`: 1 without a reserve, 0.5 to 4."""
    return min(_haste(bucket, per_hour), MOST_PACE)


def spacing_ms(bucket: Bucket, *, per_hour: float, burst: float) -> float:
    """Least time between two frames of one event: none with a full bucket, one refill interval at three quarters.

    At half a bucket it is twenty: what is below is for events that are still to come. With a reserve the intervals are
    as much shorter as it would take to spend it in `RETURN_H`.
    """
    interval_ms = 3_600_000 / (per_hour * _haste(bucket, per_hour))
    fill = bucket.tokens / burst
    return SPACING * interval_ms * (1.0 - fill) / max(2.0 * fill - 1.0, 0.05)


def heartbeat_interval_ms(*, per_hour: float, share: float) -> float:
    """Time without a kept frame after which a heartbeat is due; infinite where the share is zero."""
    return 3_600_000 / (per_hour * share) if per_hour * share > 0 else float("inf")


def _haste(bucket: Bucket, per_hour: float) -> float:
    hours = RETURN_H if bucket.reserve > 0 else REPAY_H
    return max(1.0 + bucket.reserve / (hours * per_hour), LEAST_PACE)

"""The budget of kept frames: a token bucket over event time, and the spacing that makes it last."""

from __future__ import annotations

from typing import NamedTuple

SPACING = 2.0


class Bucket(NamedTuple):
    """Tokens as they were at a moment; `at_ms` is None before the first frame, when the bucket is full."""

    tokens: float = 0.0
    at_ms: int | None = None


def refill(bucket: Bucket, *, per_hour: float, burst: float, now_ms: int) -> Bucket:
    """The bucket at `now_ms`. Time that goes back gives nothing.

    A little back (frames out of order) waits until the old time is reached again, so that no time counts twice; further
    back than a bucket takes to fill is another clock or older footage, and counts on from there.
    """
    if bucket.at_ms is None:
        return Bucket(burst, now_ms)
    elapsed_ms = now_ms - bucket.at_ms
    if elapsed_ms < 0:
        return Bucket(bucket.tokens, now_ms) if -elapsed_ms > burst * 3_600_000 / per_hour else bucket
    return Bucket(min(burst, bucket.tokens + elapsed_ms * per_hour / 3_600_000), now_ms)


def spacing_ms(bucket: Bucket, *, per_hour: float, burst: float) -> float:
    """Least time between two kept frames: none with a full bucket, one refill interval at half, two when empty.

    Without it the first second of an event empties the bucket and the next event is missed: 17-19 frames kept and up to
    two of 30 visits missed, against 12-14 and none (docs/measurements/near-duplicates.md).
    """
    return SPACING * 3_600_000 / per_hour * (1 - bucket.tokens / burst)


def heartbeat_interval_ms(*, per_hour: float, share: float) -> float:
    """Time without a kept frame after which a heartbeat is due; infinite where the share is zero."""
    return 3_600_000 / (per_hour * share) if per_hour * share > 0 else float("inf")

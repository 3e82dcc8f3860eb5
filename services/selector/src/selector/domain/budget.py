"""The token bucket of kept frames: a plain one, over event time."""

from __future__ import annotations

from typing import NamedTuple


class Bucket(NamedTuple):
    """Tokens as they were at a moment; `at_ms` is None before the first frame, when the bucket is full."""

    tokens: float = 0.0
    at_ms: int | None = None


def refill(bucket: Bucket, *, per_hour: float, burst: float, now_ms: int) -> Bucket:
    """The bucket at `now_ms`. Time that goes back gives nothing, and what it gave before stays given."""
    if bucket.at_ms is None:
        return Bucket(burst, now_ms)
    elapsed_ms = max(0, now_ms - bucket.at_ms)
    tokens = min(burst, bucket.tokens + elapsed_ms * per_hour / 3_600_000)
    return Bucket(tokens, max(bucket.at_ms, now_ms))


def heartbeat_interval_ms(*, per_hour: float, share: float) -> float:
    """Time without a kept frame after which a heartbeat is due; infinite where the share is zero."""
    return 3_600_000 / (per_hour * share) if per_hour * share > 0 else float("inf")

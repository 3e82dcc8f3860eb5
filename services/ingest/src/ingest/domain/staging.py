"""The staging area's days. Functions of values: the clock is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

GRACE = timedelta(hours=24)
"""After a frame's retention, for what was read from the topic in its last moment."""


def day_of(at: datetime) -> str:
    """The name of the day's folder, `YYYY-MM-DD` in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def is_over(day: str, retention: timedelta, at: datetime) -> bool:
    """Whether even the day's last frame left its topic more than `GRACE` ago; False for what is no day."""
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        return begins + timedelta(days=1) + retention + GRACE <= at
    except (ValueError, OverflowError):
        return False

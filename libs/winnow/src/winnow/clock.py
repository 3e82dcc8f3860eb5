"""Times as the contract has them: aware UTC, whole milliseconds."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The current time, cut to milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def from_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as a time. Raises `OverflowError` outside the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, floored."""
    return (moment - EPOCH) // timedelta(milliseconds=1)

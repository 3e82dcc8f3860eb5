"""When a frame of a file was taken. Functions of values: the clock is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from winnow.clock import from_ms


def footage_start(start: datetime | None, length_s: float | None, now: datetime, *, live: bool) -> datetime:
    """The time of a video's first frame: `start`, else now when live, else such that the video ends now."""
    if start is not None:
        return start
    return now if live else now - timedelta(seconds=length_s or 0.0)


def picture_times(
    exif: Sequence[datetime | None],
    modified: Sequence[datetime],
    start: datetime | None,
    interval_s: float,
    now: datetime,
    *,
    live: bool,
) -> tuple[str, list[datetime]]:
    """The times of a folder's pictures in order, and the rule: `exif`, `mtime` or `interval`.

    EXIF where all have it, else modification times where they strictly grow (at least two), else `start` and one
    every `interval_s`; without `start` the last one is now, or the first when live.
    """
    taken = [time for time in exif if time is not None]
    if taken and len(taken) == len(exif):
        return "exif", taken
    if len(modified) > 1 and all(a < b for a, b in pairwise(modified)):
        return "mtime", list(modified)
    step = timedelta(seconds=interval_s)
    first = start if start is not None else now if live else now - step * max(len(modified) - 1, 0)
    return "interval", [first + step * index for index in range(len(modified))]


def exif_time(original: str | None, subsec: str | None, offset: str | None) -> datetime | None:
    """EXIF DateTimeOriginal (`YYYY:MM:DD HH:MM:SS`), SubSecTimeOriginal and OffsetTimeOriginal (`+02:00`).

    Without an offset the time is taken for UTC. None where there is no such time.
    """
    if original is None:
        return None
    try:
        time = datetime.strptime(original.strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    digits = (subsec or "").strip("\0 ")
    if digits.isdecimal():
        time += timedelta(milliseconds=int(digits[:3].ljust(3, "0")))
    try:
        zone = datetime.strptime((offset or "+00:00").strip("\0 "), "%z").tzinfo
    except ValueError:
        zone = UTC
    try:
        return time.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:  # a date at the calendar's edge
        return None


def header_time(text: str) -> datetime | None:
    """A time as a record's header has it: milliseconds since 1970, or ISO 8601 (UTC without a zone); else None."""
    try:
        if text.isdecimal():
            return from_ms(int(text))
        time = datetime.fromisoformat(text)
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def whole_ms(time: datetime) -> datetime:
    """In UTC, cut to milliseconds as the contract has it."""
    time = time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)

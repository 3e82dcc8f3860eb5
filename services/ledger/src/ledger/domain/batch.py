"""A run of verdicts of one partition, and the Parquet files it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.ranges import Range
from winnow.events import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A verdict, and its record's offset and key in the verdicts topic."""

    partition: int
    offset: int
    verdict: Verdict
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A file as the index has it. `hour` is the hour of its rows' broker time, UTC."""

    key: str
    partition: int
    first_verdict_offset: int
    last_verdict_offset: int
    first_source_offset: int
    last_source_offset: int
    rows: int
    hour: datetime
    size_bytes: int


def by_hour(rows: Sequence[Row]) -> dict[datetime, list[Row]]:
    """Rows by the hour of their broker time, each in the order of its offsets."""
    hours: dict[datetime, list[Row]] = {}
    for row in rows:
        hours.setdefault(row.verdict.broker_time.replace(minute=0, second=0, microsecond=0), []).append(row)
    return hours


def file_of(hour: datetime, rows: Sequence[Row], size_bytes: int) -> LedgerFile:
    """The index entry of a file that holds `rows`, all of one partition and hour, in the order of their offsets."""
    partition, first, last = rows[0].partition, rows[0].offset, rows[-1].offset
    sources = [row.verdict.source.offset for row in rows]
    return LedgerFile(
        key=f"ledger/day={hour:%Y-%m-%d}/hour={hour:%H}/{partition}-{first}-{last}.parquet",
        partition=partition,
        first_verdict_offset=first,
        last_verdict_offset=last,
        first_source_offset=min(sources),
        last_source_offset=max(sources),
        rows=len(rows),
        hour=hour,
        size_bytes=size_bytes,
    )


def jumps(rows: Sequence[Row], next_source_offset: int | None) -> tuple[list[Range], int | None]:
    """Source offsets that the rows jump over, and the source offset expected after them.

    Verdicts come in the order of their source offsets. `next_source_offset` is the one expected first; None where
    nothing is known of what came before.
    """
    gaps = []
    expected = next_source_offset
    for row in rows:
        offset = row.verdict.source.offset
        if expected is not None and offset > expected:
            gaps.append(Range(expected, offset - 1))
        expected = offset + 1 if expected is None else max(expected, offset + 1)
    return gaps, expected

"""The ledger's tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from ledger.domain.batch import LedgerFile
from ledger.domain.gaps import Gap, Kind
from ledger.domain.ranges import Range
from ledger.domain.status import CameraStatus


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition of an input topic is read on, and for verdicts the source offset expected next."""

    next_offset: int = 0
    next_source_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What the selector says of an input partition: its first judged offset, and the first not yet judged."""

    start: int | None = None
    cursor: int | None = None


async def positions(connection: Any) -> dict[tuple[str, int], Position]:
    return {
        (row["topic"], row["partition"]): Position(row["next_offset"], row["next_source_offset"])
        for row in await connection.fetch("SELECT * FROM ledger_positions")
    }


async def position(connection: Any, topic: str, partition: int) -> Position:
    row = await connection.fetchrow(
        "SELECT * FROM ledger_positions WHERE topic = $1 AND partition = $2", topic, partition
    )
    return Position(row["next_offset"], row["next_source_offset"]) if row else Position()


async def locked_position(connection: Any, topic: str, partition: int) -> Position:
    """The position, and until the transaction's end nobody else can move it."""
    await connection.execute(
        "INSERT INTO ledger_positions VALUES ($1, $2, 0, NULL) ON CONFLICT (topic, partition) DO NOTHING",
        topic,
        partition,
    )
    row = await connection.fetchrow(
        "SELECT * FROM ledger_positions WHERE topic = $1 AND partition = $2 FOR UPDATE", topic, partition
    )
    return Position(row["next_offset"], row["next_source_offset"])


async def move(connection: Any, topic: str, partition: int, to: Position) -> None:
    await connection.execute(
        "UPDATE ledger_positions SET next_offset = $3, next_source_offset = $4 WHERE topic = $1 AND partition = $2",
        topic,
        partition,
        to.next_offset,
        to.next_source_offset,
    )


async def inputs(connection: Any) -> dict[int, Input]:
    return {
        row["partition"]: Input(row["start_offset"], row["cursor_offset"])
        for row in await connection.fetch("SELECT * FROM ledger_inputs")
    }


async def save_input(connection: Any, partition: int, *, start: int | None, cursor: int | None) -> None:
    await connection.execute(
        """
        INSERT INTO ledger_inputs AS old VALUES ($1, $2, $3)
        ON CONFLICT (partition) DO UPDATE SET
            start_offset = coalesce(excluded.start_offset, old.start_offset),
            cursor_offset = coalesce(excluded.cursor_offset, old.cursor_offset)
        """,
        partition,
        start,
        cursor,
    )


async def expired(connection: Any) -> dict[int, list[Range]]:
    """Ranges that the selector has named expired, by partition."""
    found: dict[int, list[Range]] = {}
    for row in await connection.fetch("SELECT * FROM ledger_expired ORDER BY partition, first_offset"):
        found.setdefault(row["partition"], []).append(Range(row["first_offset"], row["last_offset"]))
    return found


async def save_expired(connection: Any, partition: int, ranges: Iterable[Range]) -> None:
    await connection.executemany(
        """
        INSERT INTO ledger_expired AS old VALUES ($1, $2, $3)
        ON CONFLICT (partition, first_offset)
        DO UPDATE SET last_offset = greatest(old.last_offset, excluded.last_offset)
        """,
        [(partition, r.first, r.last) for r in ranges],
    )


async def gaps(connection: Any) -> list[Gap]:
    rows = await connection.fetch("SELECT * FROM ledger_gaps ORDER BY partition, first_offset")
    return [Gap(row["partition"], Range(row["first_offset"], row["last_offset"]), Kind(row["kind"])) for row in rows]


async def save_gaps(connection: Any, found: Iterable[Gap], at: datetime) -> None:
    await connection.executemany(
        "INSERT INTO ledger_gaps VALUES ($1, $2, $3, $4, $5) ON CONFLICT (partition, first_offset) DO NOTHING",
        [(gap.partition, gap.range.first, gap.range.last, gap.kind.value, at) for gap in found],
    )


async def files(connection: Any) -> list[LedgerFile]:
    """The index, in the order of partition and offset."""
    return [
        LedgerFile(**dict(row))
        for row in await connection.fetch("SELECT * FROM ledger_files ORDER BY partition, first_verdict_offset, key")
    ]


async def save_files(connection: Any, written: Iterable[LedgerFile]) -> None:
    await connection.executemany(
        "INSERT INTO ledger_files VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                file.key,
                file.partition,
                file.first_verdict_offset,
                file.last_verdict_offset,
                file.first_source_offset,
                file.last_source_offset,
                file.rows,
                file.hour,
                file.size_bytes,
            )
            for file in written
        ],
    )


async def cameras(connection: Any) -> list[CameraStatus]:
    """Every camera that ever had a verdict, and `NOBODY` where there is one."""
    return [_camera(row) for row in await connection.fetch("SELECT * FROM camera_status ORDER BY camera_id")]


async def locked_cameras(connection: Any, camera_ids: Iterable[str]) -> dict[str, CameraStatus]:
    """Those cameras that have a status, and until the transaction's end nobody else can write one.

    The whole table, since a camera without a row cannot be locked and may turn up in two partitions at once.
    """
    await connection.execute("LOCK TABLE camera_status IN SHARE ROW EXCLUSIVE MODE")
    rows = await connection.fetch("SELECT * FROM camera_status WHERE camera_id = ANY ($1)", sorted(camera_ids))
    return {row["camera_id"]: _camera(row) for row in rows}


async def save_cameras(connection: Any, statuses: Iterable[CameraStatus]) -> None:
    await connection.executemany(
        """
        INSERT INTO camera_status (
            camera_id, first_broker_time, last_broker_time, last_event_time, last_outcome, last_reason,
            counts, recent_frames, recent, last_problem
        ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (camera_id) DO UPDATE SET
            first_broker_time = excluded.first_broker_time,
            last_broker_time = excluded.last_broker_time,
            last_event_time = excluded.last_event_time,
            last_outcome = excluded.last_outcome,
            last_reason = excluded.last_reason,
            counts = excluded.counts,
            recent_frames = excluded.recent_frames,
            recent = excluded.recent,
            last_problem = excluded.last_problem
        """,
        [
            (
                status.camera_id,
                status.first_broker_time,
                status.last_broker_time,
                status.last_event_time,
                status.last_outcome,
                status.last_reason,
                json.dumps(status.counts),
                status.recent_frames,
                json.dumps(status.recent),
                status.last_problem,
            )
            for status in sorted(statuses, key=lambda status: status.camera_id)
        ],
    )


def _camera(row: Any) -> CameraStatus:
    values = {field.name: row[field.name] for field in fields(CameraStatus)}  # a newer release may have more columns
    return CameraStatus(**{**values, "counts": json.loads(row["counts"]), "recent": json.loads(row["recent"])})

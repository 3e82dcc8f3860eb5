"""Verdicts as Parquet: one column for each field, and where the verdict and its frame are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.domain.batch import Row

_TIME = pa.timestamp("ms", tz="UTC")
_NUMBERS = pa.map_(pa.string(), pa.float64())

SCHEMA = pa.schema(
    [
        pa.field("source_topic", pa.string(), nullable=False),
        pa.field("source_partition", pa.int32(), nullable=False),
        pa.field("source_offset", pa.int64(), nullable=False),
        pa.field("verdict_partition", pa.int32(), nullable=False),
        pa.field("verdict_offset", pa.int64(), nullable=False),
        pa.field("camera_id", pa.string()),
        pa.field("frame_id", pa.string()),
        pa.field("broker_time", _TIME, nullable=False),
        pa.field("captured_at", _TIME),
        pa.field("event_time", _TIME, nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("rules", pa.struct([("outcome", pa.string()), ("reason", pa.string())])),
        pa.field("block", pa.string()),
        pa.field("signals", _NUMBERS, nullable=False),
        pa.field("thresholds", _NUMBERS, nullable=False),
        pa.field("nearest", pa.struct([("frame_id", pa.string()), ("distance", pa.float64())])),
        pa.field("policy_version", pa.int64(), nullable=False),
        pa.field("camera_version", pa.int64(), nullable=False),
        # Null in files of before it was written: a column that is added is one that older files lack.
        pa.field("policies_version", pa.int64()),
        pa.field("effort", pa.string(), nullable=False),
        pa.field("signature", pa.binary()),
        pa.field("signature_version", pa.int32(), nullable=False),
        pa.field("content_hash", pa.string()),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("decided_at", _TIME, nullable=False),
    ]
)


def table(rows: Sequence[Row]) -> pa.Table:
    """The rows in the ledger's schema."""
    return pa.Table.from_pylist([_values(row) for row in rows], schema=SCHEMA)


def encode(rows: Sequence[Row]) -> bytes:
    """A Parquet file of the rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table(rows), sink, compression="zstd")
    return bytes(sink.getvalue())


def same_rows(data: bytes, rows: Sequence[Row]) -> bool:
    """Whether a file holds these rows, by their verdict and source offsets; False for what is no Parquet file."""
    try:
        found = pq.read_table(pa.BufferReader(data), columns=["verdict_offset", "source_offset"])
    except (pa.ArrowInvalid, OSError):
        return False
    return bool(
        found["verdict_offset"].to_pylist() == [row.offset for row in rows]
        and found["source_offset"].to_pylist() == [row.verdict.source.offset for row in rows]
    )


def _values(row: Row) -> dict[str, Any]:
    verdict = row.verdict
    return {
        "source_topic": verdict.source.topic,
        "source_partition": verdict.source.partition,
        "source_offset": verdict.source.offset,
        "verdict_partition": row.partition,
        "verdict_offset": row.offset,
        "camera_id": verdict.camera_id,
        "frame_id": verdict.frame_id,
        "broker_time": verdict.broker_time,
        "captured_at": verdict.captured_at,
        "event_time": verdict.event_time,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "flags": list(verdict.flags),
        "rules": verdict.rules and {"outcome": verdict.rules.outcome, "reason": verdict.rules.reason},
        "block": verdict.block,
        "signals": list(verdict.signals.items()),
        "thresholds": list(verdict.thresholds.items()),
        "nearest": verdict.nearest and {"frame_id": verdict.nearest.frame_id, "distance": verdict.nearest.distance},
        "policy_version": verdict.policy_version,
        "camera_version": verdict.camera_version,
        "policies_version": verdict.policies_version,
        "effort": verdict.effort,
        "signature": verdict.signature,
        "signature_version": verdict.signature_version,
        "content_hash": verdict.content_hash,
        "size_bytes": verdict.size_bytes,
        "decided_at": verdict.decided_at,
    }

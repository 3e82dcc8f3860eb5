"""What a dead letter carries: the raw bytes, and in its headers where they came from and why they are there."""

from __future__ import annotations

from winnow.clock import now
from winnow.kafka.record import Record

DeadLetter = tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]


def dead_letter(record: Record, service: str, error: Exception) -> DeadLetter:
    """Key, value and headers of the dead letter of `record`; the record's own headers come first."""
    added: list[tuple[str, str | bytes | None]] = [
        ("winnow-topic", record.topic),
        ("winnow-partition", str(record.partition)),
        ("winnow-offset", str(record.offset)),
        ("winnow-timestamp", record.timestamp.isoformat()),
        ("winnow-service", service),
        ("winnow-error-class", type(error).__name__),
        ("winnow-error", str(error)[:1000]),
        ("winnow-attempt", "1"),
        ("winnow-dead-lettered-at", now().isoformat()),
    ]
    return record.key, record.value, [*record.headers, *added]

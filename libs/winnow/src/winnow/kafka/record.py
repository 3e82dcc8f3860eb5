"""A consumed record as a value, free of the client library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from confluent_kafka import Message

from winnow.clock import EPOCH, from_ms

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: datetime
    headers: Headers

    @property
    def position(self) -> str:
        return f"{self.topic}, partition {self.partition}, offset {self.offset}"


def record_of(message: Message) -> Record:
    """The value of a message without an error."""
    raw: Any = message.headers() or []
    _, timestamp_ms = message.timestamp()
    return Record(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        timestamp=_time(timestamp_ms),
        headers=tuple((name, value if isinstance(value, bytes) else str(value or "").encode()) for name, value in raw),
    )


def _time(ms: int) -> datetime:
    """The record's time; 1970 where a producer wrote one outside the calendar, which must not stop a reader."""
    try:
        return from_ms(ms)
    except OverflowError:
        return EPOCH


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value

"""What a dead letter carries: the raw bytes, and in its headers where they came from and why they are there.

A letter that was put back into its own topic gets a mark behind it, in the same partition of the dead-letter topic and
in the transaction that puts it back. The mark is a record with one header and nothing else; retention, which takes the
oldest first, never takes it before its letter.
"""

from __future__ import annotations

from typing import NamedTuple

from winnow.clock import now
from winnow.kafka.headers import Headers
from winnow.kafka.record import Record

DeadLetter = tuple[bytes | None, bytes | None, Headers]

TOPIC, PARTITION, OFFSET, TIMESTAMP = "winnow-topic", "winnow-partition", "winnow-offset", "winnow-timestamp"
SERVICE, ERROR_CLASS, ERROR = "winnow-service", "winnow-error-class", "winnow-error"
ATTEMPT, DEAD_LETTERED_AT = "winnow-attempt", "winnow-dead-lettered-at"
REDRIVEN_FROM = "winnow-redriven-from"
"""On a record that was put back: topic/partition/offset of its dead letter."""
REDRIVEN = "winnow-redriven"
"""On a mark: partition:offset that the letter's record had in its own topic."""

ADDED = frozenset(
    {TOPIC, PARTITION, OFFSET, TIMESTAMP, SERVICE, ERROR_CLASS, ERROR, ATTEMPT, DEAD_LETTERED_AT, REDRIVEN_FROM}
)


class Origin(NamedTuple):
    """Where a dead letter's record was in its own topic. It names the letter: a service that is killed may bury a
    record twice."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def dead_letter(record: Record, service: str, error: Exception) -> DeadLetter:
    """Key, value and headers of the dead letter of `record`; the record's own headers come first."""
    added: Headers = [
        (TOPIC, record.topic),
        (PARTITION, str(record.partition)),
        (OFFSET, str(record.offset)),
        (TIMESTAMP, record.timestamp.isoformat()),
        (SERVICE, service),
        (ERROR_CLASS, type(error).__name__),
        (ERROR, str(error)[:1000]),
        (ATTEMPT, str(attempt(record))),
        (DEAD_LETTERED_AT, now().isoformat()),
    ]
    own = [(name, value) for name, value in record.headers if name not in ADDED or name == REDRIVEN_FROM]
    return record.key, record.value, [*own, *added]


def redriven(letter: Record) -> DeadLetter:
    """Key, value and headers of the letter's record as it goes back into its own topic."""
    added: Headers = [
        (ATTEMPT, str(attempt(letter) + 1)),
        (REDRIVEN_FROM, f"{letter.topic}/{letter.partition}/{letter.offset}"),
    ]
    own = [(name, value) for name, value in letter.headers if name not in ADDED]
    return letter.key, letter.value, [*own, *added]


def mark(origin: Origin) -> Headers:
    """The headers of the record that says that a letter was put back."""
    return [(REDRIVEN, str(origin))]


def marked(record: Record) -> Origin | None:
    """Which letter a mark is about; None for a letter. No camera's header makes a letter a mark: a letter has more."""
    if len(record.headers) != 1 or record.headers[0][0] != REDRIVEN:
        return None
    partition, _, offset = record.headers[0][1].partition(b":")
    return _origin(partition, offset)


def origin(letter: Record) -> Origin | None:
    """Where the letter's record was in its own topic; None for what is no dead letter of ours."""
    headers = dict(letter.headers)
    return _origin(headers.get(PARTITION, b""), headers.get(OFFSET, b""))


def attempt(record: Record) -> int:
    """How often a record was tried, this time or, of a letter, the last time included; from 1."""
    value = dict(record.headers).get(ATTEMPT, b"")
    return max(1, int(value)) if value.isdigit() and len(value) < 4 else 1


def _origin(partition: bytes, offset: bytes) -> Origin | None:
    sane = all(number.isdigit() and len(number) < 20 for number in (partition, offset))
    return Origin(int(partition), int(offset)) if sane else None

"""Dead letters as their headers tell of them, and the choice among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from winnow.kafka import deadletter
from winnow.kafka.deadletter import Origin
from winnow.kafka.record import Record

VARYING = re.compile(r"""'[^']*'|"[^"]*"|\b[0-9a-f]{2}(?: [0-9a-f]{2})+\b|[^\s,;:()\[\]]*\d[^\s,;:()\[\]]*""")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without its bytes.

    `topic`, `partition` and `offset` are where it lies, `origin` where its record was in `own_topic` (None: no dead
    letter of Winnow's). `redriven`: it was put back.
    """

    topic: str
    partition: int
    offset: int
    at: datetime
    own_topic: str
    service: str
    origin: Origin | None
    error_class: str
    error: str
    attempt: int
    redriven: bool = False

    @property
    def sort(self) -> str:
        """Its error without what varies from record to record: numbers, bytes, what stands in quotes."""
        text = re.sub(r"…(?:[\s.]*…)+", "…", VARYING.sub("…", self.error))
        return f"{self.error_class}: {text}" if self.error_class else "no dead letter of Winnow's"

    @property
    def place(self) -> str:
        """Its origin as a person types it."""
        return str(self.origin) if self.origin else "?"


def letter_of(record: Record, own_topic: str, service: str) -> Letter:
    """The letter that a record of `own_topic`'s dead letters is."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return Letter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp,
        own_topic=own_topic,
        service=service,
        origin=deadletter.origin(record),
        error_class=headers.get(deadletter.ERROR_CLASS, ""),
        error=headers.get(deadletter.ERROR, ""),
        attempt=deadletter.attempt(record),
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters are meant; what is None chooses nothing away.

    `topic` is their own topic or their dead-letter topic; `error` a part of the error or of its class, in any case;
    `since` and `until` are times of burial, the second not included.
    """

    origin: Origin | None = None
    topic: str | None = None
    service: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, own_topic: str, topic: str, service: str) -> bool:
        """Whether letters of a dead-letter topic may be among them."""
        return self.topic in (None, own_topic, topic) and self.service in (None, service)

    def __contains__(self, letter: Letter) -> bool:
        return (
            self.wants(letter.own_topic, letter.topic, letter.service)
            and self.origin in (None, letter.origin)
            and (self.error is None or self.error.casefold() in f"{letter.error_class}: {letter.error}".casefold())
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
        )

"""What is said of a camera: a finding for each thing that is wrong with what it sends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from winnow_cli.producers.domain.record import SentRecord

DAY_S = 86_400


class Level(StrEnum):
    """How bad it is, worst first."""

    ERROR = "error"
    """Frames are not judged, or judged as something that they are not."""
    WARNING = "warning"
    """It works, and costs bytes, time or evidence."""
    NOTE = "note"
    """Allowed; worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`count` of `of` records; `example` is the first one's `partition:offset`."""

    code: str
    level: Level
    what: str
    count: int
    of: int
    example: str
    cost: str
    mend: str


@dataclass(slots=True)
class Tally:
    """How many records something holds of, and the first one's position."""

    count: int = 0
    example: str = ""

    def hit(self, record: SentRecord) -> None:
        self.count += 1
        self.example = self.example or record.position

    def found(self, flow: Flow, code: str, level: Level, *, what: str, cost: str, mend: str) -> Finding:
        return Finding(code, level, what, self.count, flow.records, self.example, cost, mend)


@dataclass(slots=True)
class Flow:
    """How much a camera sends, by the broker's time."""

    records: int = 0
    bytes: int = 0
    first_s: float = 0.0
    last_s: float = 0.0

    def see(self, record: SentRecord) -> None:
        self.first_s = min(self.first_s or record.broker_s, record.broker_s)
        self.last_s = max(self.last_s, record.broker_s)
        self.records += 1
        self.bytes += record.size_bytes

    @property
    def per_s(self) -> float | None:
        """Records a second; None where too little came to tell."""
        span_s = self.last_s - self.first_s
        return (self.records - 1) / span_s if self.records > 1 and span_s > 0.1 else None

    def a_day(self, size_bytes: float) -> str:
        """What these bytes of what came make in a day at this pace; where that is unknown, what they are."""
        if self.per_s is None:
            return in_bytes(size_bytes)
        return f"{in_bytes(size_bytes * self.per_s * DAY_S / self.records)} a day at this pace"


def in_bytes(size: float) -> str:
    """A size as people write it, in powers of ten."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} B"


def in_time(seconds: float) -> str:
    """A length of time as people say it."""
    for unit, factor in (("years", 365.25 * DAY_S), ("days", DAY_S), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * factor:
            return f"{abs(seconds) / factor:.3g} {unit}"
    return f"{abs(seconds):.3g} s"


def quantity(count: float) -> str:
    return f"{count:,.0f}"


def counted(count: int, thing: str) -> str:
    return f"{quantity(count)} {thing}{'' if count == 1 else 's'}"

"""What the balance rests on, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.domain.gaps import Gap
from ledger.domain.ranges import Range


class Place(NamedTuple):
    """A record of the frames topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class PartitionEvidence:
    """What was found of one partition of the frames topic.

    `start` is the first offset that the selector judged and `committed` the first that it has not; None: it has not
    begun. `judged` are the offsets below `committed` that have a verdict, and `gaps` what the others are. `outcomes`
    counts them by outcome and reason, `pending` those whose verdict is not in Parquet yet. `frameless` are those of
    them that hold no frame, as far as that was looked at: `read_back` tells how many of the newest were. `ahead`
    counts the offsets from `committed` on that are known to hold none.
    """

    partition: int
    start: int | None
    committed: int | None
    log_start: int
    log_end: int
    judged: tuple[Range, ...] = ()
    gaps: tuple[Gap, ...] = ()
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    control: int = 0
    pending: int = 0
    doubled: tuple[int, ...] = ()
    frameless: tuple[Range, ...] = ()
    read_back: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A kept frame's row in the store; `there`: its object is in the bucket, whole."""

    place: Place
    key: str
    there: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the balance rests on.

    `kept` are the places whose verdict says so, `dead_letters` those of the store's that were not put back, and
    `outside` verdicts on places that the selector never came to, as (topic, place).
    """

    partitions: tuple[PartitionEvidence, ...]
    kept: frozenset[Place] = frozenset()
    rows: tuple[StoredRow, ...] = ()
    in_flight: frozenset[Place] = frozenset()
    dead_letters: frozenset[Place] = frozenset()
    outside: frozenset[tuple[str, Place]] = frozenset()
    unreadable_files: tuple[str, ...] = ()

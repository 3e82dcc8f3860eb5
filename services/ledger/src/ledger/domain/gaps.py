"""What input offsets without a verdict are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ledger.domain.ranges import Range, intersect, of_offsets, subtract, union


class Kind(Enum):
    MARKER = "marker"
    """No frame at all: a transaction's marker, an aborted record, or an offset that the log never had."""
    EXPIRED = "expired"
    """Retention took it before it was judged; the selector says so."""
    LOST = "lost"
    """A frame that the topic still has and that got no verdict."""
    UNPROVEN = "unproven"
    """Retention has it now, and nobody can say any more what it was: counted as lost."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets of one partition that have no verdict, all for one cause."""

    partition: int
    range: Range
    kind: Kind


def classify(
    partition: int, holes: Iterable[Range], *, delivered: Iterable[int], log_start: int, expired: Iterable[Range]
) -> list[Gap]:
    """What the offsets of `holes` are, in the order of their offsets.

    `delivered` are the offsets in them at which a read_committed reader got a record. `log_start` is the topic's first
    offset, read after the records: what lies before it and was not delivered cannot be told by reading.
    """
    whole = union(holes)
    lost = intersect(whole, of_offsets(delivered))
    silent = subtract(whole, lost)
    gone = intersect(silent, [Range(0, log_start - 1)])
    named = intersect(gone, expired)
    kinds = {
        Kind.LOST: lost,
        Kind.MARKER: subtract(silent, gone),
        Kind.EXPIRED: named,
        Kind.UNPROVEN: subtract(gone, named),
    }
    return sorted(
        (Gap(partition, r, kind) for kind, ranges in kinds.items() for r in ranges), key=lambda gap: gap.range
    )


def unaccounted(gaps: Iterable[Gap], expired: dict[int, list[Range]]) -> int:
    """Offsets that nothing accounts for; `expired` by partition may have come after a gap was found."""
    total = 0
    for gap in gaps:
        if gap.kind is Kind.LOST:
            total += gap.range.size
        elif gap.kind is Kind.UNPROVEN:
            total += sum(r.size for r in subtract([gap.range], expired.get(gap.partition, [])))
    return total

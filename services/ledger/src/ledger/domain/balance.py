"""The balance: a proof over every input offset that each frame has one verdict and each kept one its place.

Three identities have to hold, over the offsets from where the selector began to where it has committed:
frames = verdicts + expired + lost; verdicts = kept + rejected + unreadable + redelivered; kept = stored + in_flight +
dead_letters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ledger.domain.evidence import Evidence, PartitionEvidence, Place
from ledger.domain.gaps import Kind
from ledger.domain.ranges import Range, count, subtract

NAMED = 10
"""Problems of one sort that are named one by one; of the rest the number is told."""


@dataclass(frozen=True, slots=True)
class PartitionBalance:
    """One partition's part of the first identity. `unjudged` are offsets after the committed one."""

    partition: int
    start: int | None
    committed: int | None
    frames: int
    verdicts: int
    pending: int
    markers: int
    expired: int
    lost: int
    doubled: int
    unjudged: int
    doubtful: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """The account. `pending` verdicts are among `verdicts`, `control` frames among `kept`; `stored` counts frames.

    `doubtful` are verdicts on what is no frame: on a transaction's marker, after the end, outside of what was judged.
    Of markers that is known where the ledger once had a gap, and for the `read_back` newest verdicts, whose offsets
    were looked up in the frames topic.
    """

    frames: int
    verdicts: int
    kept: int
    control: int
    rejected: dict[str, int]
    unreadable: int
    redelivered: int
    expired: int
    lost: int
    pending: int
    unjudged: int
    stored: int
    in_flight: int
    dead_letters: int
    doubled: int
    doubtful: int
    read_back: int
    missing: int
    missing_objects: int
    balanced: bool
    partitions: tuple[PartitionBalance, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The account as plain values."""
        return asdict(self)


def holes(start: int, committed: int, judged: Iterable[Range]) -> list[Range]:
    """Offsets from `start` to `committed`, that one not included, without a verdict."""
    return subtract([Range(start, committed - 1)], judged)


def settle(evidence: Evidence) -> Balance:
    """The account that the evidence gives."""
    problems: list[str] = []
    partitions = tuple(_partition(one, problems) for one in evidence.partitions)
    outcomes: dict[str, int] = {}
    rejected: dict[str, int] = {}
    for one in evidence.partitions:
        for (outcome, reason), number in one.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + number
            if outcome == "rejected":
                rejected[reason] = rejected.get(reason, 0) + number

    problems += [
        f"{key} is in the ledger's index, but is not in the bucket or cannot be read: its rows do not count. "
        "Restore the object from a backup"
        for key in evidence.unreadable_files
    ]
    problems += _named(
        [f"{topic}, frame {place}: a verdict, but it was never judged" for topic, place in sorted(evidence.outside)]
    )
    places = _placed(evidence)
    problems += _place_problems(places)

    frames, verdicts = sum(p.frames for p in partitions), sum(p.verdicts for p in partitions)
    expired, lost = sum(p.expired for p in partitions), sum(p.lost for p in partitions)
    doubled = sum(p.doubled for p in partitions)
    doubtful = sum(p.doubtful for p in partitions) + len(evidence.outside)
    startless = any(p.start is None and p.committed is not None for p in partitions)
    kept, unreadable = outcomes.get("kept", 0), outcomes.get("unreadable", 0)
    redelivered = outcomes.get("redelivered", 0)
    identities = {
        "frames = verdicts + expired + lost": frames == verdicts + expired + lost,
        "verdicts = kept + rejected + unreadable + redelivered": verdicts
        == kept + sum(rejected.values()) + unreadable + redelivered,
        "kept = stored + in_flight + dead_letters": not places.strays
        and kept == len(places.stored) + len(places.in_flight) + len(places.dead),
    }
    problems += [f"{identity} does not hold" for identity, holds in identities.items() if not holds]
    return Balance(
        frames=frames,
        verdicts=verdicts,
        kept=kept,
        control=sum(one.control for one in evidence.partitions),
        rejected=dict(sorted(rejected.items())),
        unreadable=unreadable,
        redelivered=redelivered,
        expired=expired,
        lost=lost,
        pending=sum(p.pending for p in partitions),
        unjudged=sum(p.unjudged for p in partitions),
        stored=len(places.stored),
        in_flight=len(places.in_flight),
        dead_letters=len(places.dead),
        doubled=doubled,
        doubtful=doubtful,
        read_back=sum(one.read_back for one in evidence.partitions),
        missing=len(places.missing),
        missing_objects=len(places.missing_objects),
        balanced=all(identities.values())
        and not (lost or doubled or doubtful or places.missing or places.missing_objects or startless),
        partitions=partitions,
        problems=tuple(problems),
    )


def _partition(one: PartitionEvidence, problems: list[str]) -> PartitionBalance:
    if one.start is None or one.committed is None:
        if one.committed is not None:
            problems.append(
                f"partition {one.partition}: judged up to {one.committed}, but where that began is not recorded; "
                "nothing of it can be accounted for. Restore the state topic from a backup"
            )
        unjudged = max(0, one.log_end - one.log_start)
        return PartitionBalance(one.partition, one.start, one.committed, 0, 0, 0, 0, 0, 0, 0, unjudged)
    found = {kind: count(gap.range for gap in one.gaps if gap.kind is kind) for kind in Kind}
    unexplained = subtract(holes(one.start, one.committed, one.judged), [gap.range for gap in one.gaps])
    for kind, text in GAP_PROBLEMS.items():
        ranges = [gap.range for gap in one.gaps if gap.kind is kind]
        ranges += unexplained if kind is Kind.UNPROVEN else []
        problems += _named([f"partition {one.partition}, offsets {r}: {text}" for r in ranges])
    problems += _named(
        [
            f"partition {one.partition}, offset {offset}: two verdicts; `winnow trace` shows both"
            for offset in one.doubled
        ]
    )
    problems += _named(
        [f"partition {one.partition}, offsets {r}: a verdict, but the topic has no frame there" for r in one.frameless]
    )
    return PartitionBalance(
        partition=one.partition,
        start=one.start,
        committed=one.committed,
        frames=one.committed - one.start - found[Kind.MARKER],
        verdicts=count(one.judged),
        pending=one.pending,
        markers=found[Kind.MARKER],
        expired=found[Kind.EXPIRED],
        lost=found[Kind.LOST] + found[Kind.UNPROVEN] + count(unexplained),
        doubled=len(one.doubled),
        unjudged=max(0, one.log_end - one.committed - one.ahead),
        doubtful=count(one.frameless),
    )


GAP_PROBLEMS = {
    Kind.LOST: "frames without a verdict, lost. The frames topic still has them: keep them before retention takes them",
    Kind.UNPROVEN: "no verdict, and the frames topic has them no more: counted as lost",
    Kind.EXPIRED: "retention took them before they were judged. Add selectors, or keep frames for longer",
}


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the kept frames are; `strays` are rows that no verdict explains."""

    stored: frozenset[Place]
    dead: frozenset[Place]
    in_flight: frozenset[Place]
    missing: frozenset[Place]
    without_row: frozenset[Place]
    strays: frozenset[Place]
    missing_objects: frozenset[str]


def _placed(evidence: Evidence) -> _Places:
    rows = {row.place: row for row in evidence.rows}
    stored = frozenset(place for place in evidence.kept if place in rows and rows[place].there)
    # A row says that the object was there: without it nothing else explains the frame.
    open_ = evidence.kept - rows.keys()
    dead = open_ & evidence.dead_letters
    in_flight = (open_ - dead) & evidence.in_flight
    missing = evidence.kept - stored - dead - in_flight
    committed = {one.partition: one.committed or 0 for one in evidence.partitions}
    return _Places(
        stored=stored,
        dead=dead,
        in_flight=in_flight,
        missing=missing,
        without_row=missing - rows.keys(),
        # What was judged after the committed offset was read may be stored already: no stray.
        strays=frozenset(p for p in rows if p not in evidence.kept and p.offset < committed.get(p.partition, 0)),
        missing_objects=frozenset(row.key for row in evidence.rows if not row.there),
    )


def _place_problems(places: _Places) -> list[str]:
    without_row = [
        f"frame {p}: kept, but not stored, not on its way, no dead letter" for p in sorted(places.without_row)
    ]
    strays = [f"frame {p}: stored, but no verdict kept it" for p in sorted(places.strays)]
    objects = [
        f"object {key}: not in the bucket as its row says. Restore it from a backup"
        for key in sorted(places.missing_objects)
    ]
    dead = [f"{len(places.dead)} kept frames could not be stored: `winnow dlq list` shows them"] if places.dead else []
    return [*_named(without_row), *_named(strays), *_named(objects), *dead]


def _named(problems: list[str]) -> list[str]:
    more = len(problems) - NAMED
    return [*problems[:NAMED], f"and {more} more of this sort"] if more > 0 else problems

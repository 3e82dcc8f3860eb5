"""One partition's recorded verdicts in the order of their offsets, as far as the state is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.batch import Row
from ledger.domain.ranges import Range, count, intersect, subtract
from selector.domain.decide import ObservedFrame
from selector.domain.effort import Effort
from selector.domain.signature import Signature
from selector.domain.state import CameraState
from winnow.errors import Refused
from winnow.events import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the selector's state topic says of a partition.

    `start` is the first offset that it came to, `cursor` the first that it has not, `states` are those at the cursor.
    """

    partition: int
    start: int | None
    cursor: int | None
    expired: tuple[Range, ...]
    states: dict[str, CameraState]


@dataclass(slots=True)
class Walk:
    """How far a partition was gone through: `end` is the first offset that was not.

    `verdicts` are those on the way, `pending` those of them that the ledger's files do not have yet; `last_written` is
    the offset of the last one that they have. `expired` counts offsets that retention took before they were judged.
    `stopped`: why it could not be gone on with, empty at the end of all.
    """

    partition: int
    start: int | None
    end: int
    cursor: int | None
    verdicts: int = 0
    pending: int = 0
    last_written: int | None = None
    expired: int = 0
    stopped: str = ""


class Replayed(Protocol):
    """What is done with the verdicts of a partition."""

    def take(self, verdict: Verdict) -> None:
        """The next verdict. Raises `Refused` where it cannot be decided again."""

    def at_cursor(self, states: dict[str, CameraState]) -> None:
        """All verdicts before the cursor were taken; `states` are the live ones there."""


Unexplained = Callable[[list[Range]], str]
"""Says why offsets without a verdict may have changed the state; empty where they have not."""


def walk(
    snapshot: Snapshot,
    rows: Iterable[Row],
    unexplained: Unexplained,
    replayed: Replayed,
    *,
    first_pending: int,
) -> Walk:
    """Gives every verdict to `replayed`, as long as the state can be known.

    That is from nothing at the recorded start, over offsets without a verdict that changed nothing: expired ones and
    those without a frame. `first_pending` is the verdict offset from which on the files have none.
    """
    if snapshot.start is None:
        found = Walk(snapshot.partition, None, 0, snapshot.cursor)
        found.stopped = (
            "the state topic does not say at which offset the selector began, so the state there is not known"
        )
        return found
    found = Walk(snapshot.partition, snapshot.start, snapshot.start, snapshot.cursor)
    cursor = snapshot.cursor if snapshot.cursor is not None else -1
    try:
        for row in rows:
            offset = row.verdict.source.offset
            if offset < found.end:
                continue  # of before the recorded start
            if found.end < cursor <= offset:
                _to(found, cursor, snapshot, unexplained)
                replayed.at_cursor(snapshot.states)
            _to(found, offset, snapshot, unexplained)
            replayed.take(row.verdict)
            found.end = offset + 1
            found.verdicts += 1
            if row.offset >= first_pending:
                found.pending += 1
            else:
                found.last_written = offset
            if found.end == cursor:
                replayed.at_cursor(snapshot.states)
        if found.end < cursor:
            _to(found, cursor, snapshot, unexplained)
            replayed.at_cursor(snapshot.states)
    except Refused as error:
        found.stopped = f"offset {found.end}: {error}"
    return found


def _to(found: Walk, offset: int, snapshot: Snapshot, unexplained: Unexplained) -> None:
    """Passes over offsets without a verdict."""
    if offset <= found.end:
        return
    hole = Range(found.end, offset - 1)
    found.expired += count(intersect([hole], snapshot.expired))
    left = subtract([hole], snapshot.expired)
    if left and (why := unexplained(left)):
        raise Refused(why)
    found.end = offset


def effort_of(verdict: Verdict) -> Effort:
    """The effort that the verdict was made with. Raises `Refused` for one that this release does not know."""
    try:
        return Effort(verdict.effort)
    except ValueError as error:
        raise Refused(f"{error}; a newer release can replay it") from error


def observed(verdict: Verdict) -> ObservedFrame | None:
    """The frame as the decision saw it; None where there was none to make: the record was refused as it is.

    A frame that reduced effort did not look at comes without a signature, as it did live.

    Raises `Refused` for a signature of another version.
    """
    if verdict.content_hash is None or verdict.camera_id is None or verdict.frame_id is None:
        return None
    assert verdict.captured_at is not None
    try:
        signature = Signature.from_bytes(verdict.signature) if verdict.signature is not None else None
    except ValueError as error:
        raise Refused(f"{error}; the release that wrote it can replay it") from error
    return ObservedFrame(
        camera_id=verdict.camera_id,
        frame_id=verdict.frame_id,
        source=verdict.source,
        captured_at=verdict.captured_at,
        broker_time=verdict.broker_time,
        size_bytes=verdict.size_bytes,
        content_hash=int(verdict.content_hash, 16),
        signature=signature,
        unreadable=verdict.detail if verdict.outcome is Outcome.UNREADABLE else "",
        decided_at=verdict.decided_at,
    )

"""What the balance rests on, read from what is really there.

The order matters while everything runs: committed offsets are read before what they vouch for, so that whatever lies
below them must be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ledger.adapters import judged
from ledger.adapters.books import Books, asked, read_books
from ledger.adapters.frames import FramesTopic
from ledger.adapters.rows import Input
from ledger.adapters.topics import Topics
from ledger.adapters.view import LedgerView
from ledger.domain.balance import Balance, holes, settle
from ledger.domain.evidence import Evidence, PartitionEvidence, Place, StoredRow
from ledger.domain.gaps import Gap, Kind, classify
from ledger.domain.ranges import END, Range, count, intersect, of_offsets, subtract, union
from ledger.settings import ReaderSettings
from winnow.codec import Codec
from winnow.contract import Names
from winnow.db import Database
from winnow.errors import PoisonRecord
from winnow.events import SelectedFrame
from winnow.kafka import deadletter
from winnow.kafka.deadletter import Origin
from winnow.kafka.headers import SOURCE
from winnow.kafka.record import Record
from winnow.objects import Objects

READ_BACK_BYTES = 32 * 1024 * 1024
"""Newest frames of a partition that are read again to see that their verdicts are on frames: a balance of a day of
frames must not read a day of images. One that is asked for regularly comes past all of them."""

FEW = 10


def balance(settings: ReaderSettings) -> Balance:
    """The account of everything, from what is really there. Raises `DependencyDown`, `Refused`."""
    return settle(gather(settings))


def gather(settings: ReaderSettings) -> Evidence:
    """The evidence. Raises `DependencyDown`, and `Refused` where topics or tables are not there."""
    names = settings.names
    topics = Topics(settings, client_id="balance")
    codec = Codec(settings.registry_url)
    with closing(Database(settings)) as database:
        committed = topics.committed(names.group("selector"), names.frames)
        stored_up_to = topics.committed(names.group("store"), names.selected)
        starts, ends = topics.starts(names.frames), topics.ends(names.frames)
        log = {partition: (starts[partition], ends[partition]) for partition in sorted(starts)}
        books = read_books(names, topics, codec, database)
        # What was judged while the verdicts were read counts neither as judged nor as never come to.
        later = topics.committed(names.group("selector"), names.frames)
        with LedgerView(settings, books.files, books.tail) as view:
            spans = {p: _span(p, committed, books.inputs) for p in log}
            judged.register(view, names, spans)
            looks = {p: _look(view, books, p, span, log[p][1]) for p, span in spans.items() if span}
            frames = FramesTopic(settings, client_id="balance-frames")
            delivered, begins = frames.delivered(
                {p: [*look.left, *look.read_back, look.ahead] for p, look in looks.items()}
            )
            partitions = tuple(
                _partition(view, books, looks[p], delivered[p], begins[p], log=log[p])
                if p in looks
                else PartitionEvidence(p, None, committed.get(p), *log[p])
                for p in log
            )
            kept = judged.kept(view)
            outside = frozenset(judged.outside(view, names, {p: _reach(p, later, books.inputs) for p in log}))
            unreadable = tuple(view.unreadable)
        # Dead letters before what is in flight: one that is put back in between is seen in one of the two.
        dead_letters = frozenset(_dead_letters(topics, names))
        return Evidence(
            partitions=partitions,
            kept=kept,
            in_flight=frozenset(_in_flight(topics, codec, names, stored_up_to)),
            dead_letters=dead_letters,
            rows=tuple(_stored(database, Objects(settings), names)),
            outside=outside,
            unreadable_files=unreadable,
        )


def _span(partition: int, committed: dict[int, int], inputs: dict[int, Input]) -> tuple[int, int] | None:
    """From the recorded start to the committed offset; the cursor stands in for one that the broker has forgotten."""
    known = inputs.get(partition, Input())
    end = committed.get(partition, known.cursor)
    return None if known.start is None or end is None else (known.start, end)


def _reach(partition: int, committed: dict[int, int], inputs: dict[int, Input]) -> tuple[int, int] | None:
    """The offsets that may have a verdict; None: any may, since where the partition's accounting began is not known."""
    if partition in committed and inputs.get(partition, Input()).start is None:
        return None
    return _span(partition, committed, inputs) or (0, 0)


@dataclass(frozen=True, slots=True)
class _Look:
    """What of a partition is to be looked up in the frames topic.

    `settled` are the gaps that the ledger told when the topic still had them, `left` the offsets without a verdict that
    they leave open, `read_back` the newest judged offsets, `ahead` those that are not judged, where they are few.
    """

    partition: int
    span: tuple[int, int]
    judged: list[Range]
    told: list[Range]
    settled: list[Gap]
    left: list[Range]
    read_back: list[Range]
    ahead: Range


def _look(view: LedgerView, books: Books, partition: int, span: tuple[int, int], log_end: int) -> _Look:
    ranges = judged.offsets(view, partition)
    open_holes = holes(*span, ranges)
    # What was lost or unproven then is looked at once more.
    told = {
        kind: [gap.range for gap in books.gaps if gap.partition == partition and gap.kind is kind]
        for kind in (Kind.MARKER, Kind.EXPIRED)
    }
    settled = [Gap(partition, part, kind) for kind, ranges in told.items() for part in intersect(ranges, open_holes)]
    newest = judged.newest(view, partition, READ_BACK_BYTES)
    return _Look(
        partition=partition,
        span=span,
        judged=ranges,
        told=[r for ranges in told.values() for r in ranges],
        settled=settled,
        left=subtract(open_holes, [gap.range for gap in settled]),
        read_back=intersect(ranges, [Range(newest, END)]) if newest is not None else [],
        # A transaction's marker at the end is nothing that the selector will ever come to.
        ahead=Range(span[1], log_end - 1 if log_end - span[1] <= FEW else span[1] - 1),
    )


def _partition(
    view: LedgerView, books: Books, look: _Look, delivered: set[int], log_start: int, *, log: tuple[int, int]
) -> PartitionEvidence:
    partition = look.partition
    expired = books.expired.get(partition, [])
    found = classify(partition, look.left, delivered=delivered, log_start=log_start, expired=expired)
    looked_up = intersect(look.read_back, [Range(log_start, END)])
    frameless = [*subtract(looked_up, of_offsets(delivered)), *intersect(look.judged, look.told)]
    counted = judged.counted(view, partition)
    return PartitionEvidence(
        partition,
        *look.span,
        *log,
        judged=tuple(look.judged),
        gaps=tuple(sorted([*look.settled, *found], key=lambda gap: gap.range)),
        outcomes={(row["outcome"], row["reason"]): row["n"] for row in counted},
        control=sum(row["control"] for row in counted),
        pending=sum(row["pending"] for row in counted),
        doubled=tuple(judged.doubled(view, partition)),
        frameless=tuple(union(frameless)),
        read_back=count(looked_up),
        ahead=count(subtract([look.ahead], of_offsets(delivered))),
    )


def _in_flight(topics: Topics, codec: Codec, names: Names, stored_up_to: dict[int, int]) -> Iterable[Place]:
    for record in topics.tail(names.selected, stored_up_to):
        place = source_of(record)
        if place is None:
            try:
                source = codec.decode(SelectedFrame, record.value).source
            except PoisonRecord:
                continue  # the store will bury it; which frame it is about, nobody knows
            place = Place(source.partition, source.offset)
        yield place


def _dead_letters(topics: Topics, names: Names) -> Iterable[Place]:
    """The frames of the store's dead letters that were not put back: those it has in flight again, or stored."""
    letters: list[tuple[Origin | None, Place]] = []
    back: set[Origin | None] = set()
    for record in topics.tail(names.dead_letters(names.selected, "store"), {}):
        mark = deadletter.marked(record)
        if mark is not None:
            back.add(mark)
        elif (place := source_of(record)) is not None:
            letters.append((deadletter.origin(record), place))
    return [place for origin, place in letters if origin not in back]


def source_of(record: Record) -> Place | None:
    """The frame that a record is about, as its header says; None where it says nothing."""
    partition, _, offset = dict(record.headers).get(SOURCE, b"").decode(errors="replace").partition(":")
    return Place(int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None


def _stored(database: Database, objects: Objects, names: Names) -> Iterable[StoredRow]:
    async def read(connection: Any) -> list[Any]:
        found: list[Any] = await connection.fetch(
            """
            SELECT source_partition, source_offset, key, size_bytes
            FROM kept_frames JOIN images USING (image_id) WHERE source_topic = $1
            """,
            names.frames,
        )
        return found

    found = asked(database, read)
    sizes: dict[str, int | None] = {**objects.sizes("images/")} if found else {}
    for row in found:
        key = row["key"]
        if sizes.get(key) != row["size_bytes"]:
            sizes[key] = objects.size(key)  # a listing is never the truth
        yield StoredRow(Place(row["source_partition"], row["source_offset"]), key, sizes[key] == row["size_bytes"])

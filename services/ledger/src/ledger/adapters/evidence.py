"""What the balance rests on, read from what is really there.

The order matters while everything runs: committed offsets are read before what they vouch for, so that whatever lies
below them must be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import pyarrow as pa

from ledger.adapters.books import Books, asked, read_books
from ledger.adapters.frames import FramesTopic
from ledger.adapters.rows import Input
from ledger.adapters.topics import Topics
from ledger.adapters.view import LedgerView
from ledger.domain.balance import Balance, Evidence, PartitionEvidence, Place, StoredRow, holes, settle
from ledger.domain.gaps import Gap, Kind
from ledger.domain.ranges import Range, intersect, subtract
from ledger.settings import ReaderSettings
from winnow.codec import Codec
from winnow.contract import Names
from winnow.db import Database
from winnow.errors import PoisonRecord
from winnow.events import SelectedFrame
from winnow.kafka.headers import SOURCE
from winnow.kafka.record import Record
from winnow.objects import Objects


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
        with LedgerView(settings, books.files, books.tail) as view:
            spans = {p: _span(p, committed, books.inputs) for p in log}
            _judged(view, names, spans)
            frames = FramesTopic(settings, client_id="balance-gaps")
            partitions = tuple(
                _partition(view, books, frames, p, span=spans[p], committed=committed.get(p), log=log[p]) for p in log
            )
            kept = frozenset(
                Place(row["p"], row["o"])
                for row in view.query("SELECT DISTINCT p, o FROM judged WHERE first AND outcome = 'kept'")
            )
            unreadable = tuple(view.unreadable)
        return Evidence(
            partitions=partitions,
            kept=kept,
            in_flight=frozenset(_in_flight(topics, codec, names, stored_up_to)),
            dead_letters=frozenset(_dead_letters(topics, names)),
            rows=tuple(_stored(database, Objects(settings), names)),
            unreadable_files=unreadable,
        )


def _span(partition: int, committed: dict[int, int], inputs: dict[int, Input]) -> tuple[int, int] | None:
    """From the recorded start to the committed offset; the cursor stands in for one that the broker has forgotten."""
    known = inputs.get(partition, Input())
    end = committed.get(partition, known.cursor)
    return None if known.start is None or end is None else (known.start, end)


def _judged(view: LedgerView, names: Names, spans: dict[int, tuple[int, int] | None]) -> None:
    """The table `judged`: a row for each verdict on an offset within the spans; `first`: the one that counts."""
    known = [(p, *span) for p, span in spans.items() if span]
    view.register(
        "spans", pa.table({"p": [k[0] for k in known], "s": [k[1] for k in known], "e": [k[2] for k in known]})
    )
    view.run(
        """
        CREATE TEMP TABLE judged AS
        SELECT source_partition AS p, source_offset AS o, verdict_partition AS vp, verdict_offset AS v, outcome, reason,
               list_contains(flags, 'control') AS control, pending,
               row_number() OVER (PARTITION BY p, o ORDER BY verdict_offset, pending) = 1 AS first
        FROM rows JOIN spans ON source_partition = spans.p AND source_offset >= s AND source_offset < e
        WHERE source_topic = ?
        """,
        [names.frames],
    )


def _partition(
    view: LedgerView,
    books: Books,
    frames: FramesTopic,
    partition: int,
    *,
    span: tuple[int, int] | None,
    committed: int | None,
    log: tuple[int, int],
) -> PartitionEvidence:
    log_start, log_end = log
    if span is None:
        return PartitionEvidence(partition, None, committed, log_start, log_end)
    judged = [
        Range(row["a"], row["b"])
        for row in view.query(
            """
            SELECT min(o) AS a, max(o) AS b
            FROM (SELECT o, o - row_number() OVER (ORDER BY o) AS island FROM judged WHERE p = ? AND first)
            GROUP BY island ORDER BY a
            """,
            [partition],
        )
    ]
    open_holes = holes(*span, judged)
    # Told when the frames topic still had them. What was lost or unproven then is looked at once more.
    told = [g for g in books.gaps if g.partition == partition and g.kind in (Kind.MARKER, Kind.EXPIRED)]
    settled = [Gap(partition, part, gap.kind) for gap in told for part in intersect([gap.range], open_holes)]
    left = subtract(open_holes, [gap.range for gap in settled])
    found = frames.classify(partition, left, books.expired.get(partition, []))
    counts = view.query(
        """
        SELECT outcome, reason, count(*) AS n, count(*) FILTER (control AND outcome = 'kept') AS control,
               count(*) FILTER (pending) AS pending
        FROM judged WHERE p = ? AND first GROUP BY ALL
        """,
        [partition],
    )
    doubled = view.query(
        "SELECT o FROM judged WHERE p = ? GROUP BY o HAVING count(DISTINCT (vp, v)) > 1 ORDER BY o", [partition]
    )
    return PartitionEvidence(
        partition=partition,
        start=span[0],
        committed=span[1],
        log_start=log_start,
        log_end=log_end,
        judged=tuple(judged),
        gaps=tuple(sorted([*settled, *found], key=lambda gap: gap.range)),
        outcomes={(row["outcome"], row["reason"]): row["n"] for row in counts},
        control=sum(row["control"] for row in counts),
        pending=sum(row["pending"] for row in counts),
        doubled=tuple(row["o"] for row in doubled),
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
    for record in topics.tail(names.dead_letters(names.selected, "store"), {}):
        place = source_of(record)
        if place is not None:
            yield place


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

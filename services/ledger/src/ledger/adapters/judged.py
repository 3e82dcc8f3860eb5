"""The table `judged` of a view: a row for each verdict on an offset within what was judged of the frames topic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ledger.adapters.view import LedgerView
from ledger.domain.evidence import Place
from ledger.domain.ranges import END, Range
from winnow.contract import Names

Spans = dict[int, tuple[int, int] | None]


def register(view: LedgerView, names: Names, spans: Spans) -> None:
    """Makes the table, with the verdicts within `spans`, from the first offset to the one after the last by partition.

    `first`: the verdict that counts; `p`, `o`, `vp`, `v` are the places of frame and verdict.
    """
    view.register("spans", _table(spans))
    view.run(
        """
        CREATE TEMP TABLE judged AS
        SELECT source_partition AS p, source_offset AS o, verdict_partition AS vp, verdict_offset AS v, outcome, reason,
               list_contains(flags, 'control') AS control, pending, size_bytes,
               row_number() OVER (PARTITION BY p, o ORDER BY verdict_offset, pending) = 1 AS first
        FROM rows JOIN spans ON source_partition = spans.p AND source_offset >= s AND source_offset < e
        WHERE source_topic = ?
        """,
        [names.frames],
    )


def offsets(view: LedgerView, partition: int) -> list[Range]:
    """The judged offsets."""
    rows = view.query(
        """
        SELECT min(o) AS a, max(o) AS b
        FROM (SELECT o, o - row_number() OVER (ORDER BY o) AS island FROM judged WHERE p = ? AND first)
        GROUP BY island ORDER BY a
        """,
        [partition],
    )
    return [Range(row["a"], row["b"]) for row in rows]


def counted(view: LedgerView, partition: int) -> list[dict[str, Any]]:
    """For each `outcome` and `reason` how many there are (`n`), how many `control` frames kept, how many `pending`."""
    return view.query(
        """
        SELECT outcome, reason, count(*) AS n, count(*) FILTER (control AND outcome = 'kept') AS control,
               count(*) FILTER (pending) AS pending
        FROM judged WHERE p = ? AND first GROUP BY ALL
        """,
        [partition],
    )


def doubled(view: LedgerView, partition: int) -> list[int]:
    """Offsets with more than one verdict."""
    rows = view.query(
        "SELECT o FROM judged WHERE p = ? GROUP BY o HAVING count(DISTINCT (vp, v)) > 1 ORDER BY o", [partition]
    )
    return [row["o"] for row in rows]


def kept(view: LedgerView) -> frozenset[Place]:
    """The places whose verdict says so."""
    rows = view.query("SELECT DISTINCT p, o FROM judged WHERE first AND outcome = 'kept'")
    return frozenset(Place(row["p"], row["o"]) for row in rows)


def newest(view: LedgerView, partition: int, limit_bytes: int) -> int | None:
    """The first of the newest judged offsets whose frames have no more bytes than that; None where none has."""
    rows = view.query(
        """
        SELECT min(o) AS a FROM (
            SELECT o, sum(coalesce(size_bytes, 0) + 1000) OVER (ORDER BY o DESC) AS read
            FROM judged WHERE p = ? AND first
        ) WHERE read <= ?
        """,
        [partition, limit_bytes],
    )
    found: int | None = rows[0]["a"]
    return found


def outside(view: LedgerView, names: Names, reach: Spans) -> Iterable[tuple[str, Place]]:
    """Verdicts on what the selector never came to."""
    view.register("reach", _table({p: span or (0, END) for p, span in reach.items()}))
    for row in view.query(
        """
        SELECT DISTINCT source_topic AS t, source_partition AS p, source_offset AS o
        FROM rows LEFT JOIN reach ON source_partition = reach.p
        WHERE source_topic <> ? OR s IS NULL OR source_offset < s OR source_offset >= e
        """,
        [names.frames],
    ):
        yield row["t"], Place(row["p"], row["o"])


def _table(spans: Spans) -> pa.Table:
    known = [(p, *span) for p, span in spans.items() if span]
    columns = zip(*known, strict=True) if known else ((), (), ())
    return pa.table({name: pa.array(column, pa.int64()) for name, column in zip("pse", columns, strict=True)})

"""A partition's verdicts one after the other, one for each source offset: what the view is, for who reads all of it.

The view sorts, and so holds, what it reads; here a row group at a time is in memory, whatever the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain
from typing import Any

import pyarrow.parquet as pq

from ledger.adapters import columns
from ledger.adapters.view import UNREADABLE
from ledger.domain.batch import LedgerFile, Row
from winnow.errors import Refused

ROWS_AT_ONCE = 512

Open = Callable[[str], Any]


def in_order(files: Iterable[LedgerFile], opened: Open, tail: Iterable[Row]) -> Iterator[Row]:
    """The first verdict of each source offset, in their order: from a partition's files, then from `tail`.

    `files` as the index has them; `opened` gives pyarrow a file by its key. Raises `Refused` for a file that cannot be
    read or has other rows than the index says.
    """
    last = -1
    for row in chain(_indexed(files, opened), tail):
        # The verdicts of a partition are written in the order of its frames: what comes again is there already.
        if row.verdict.source.offset > last:
            last = row.verdict.source.offset
            yield row


def _indexed(files: Iterable[LedgerFile], opened: Open) -> Iterator[Row]:
    """Rows in the order of their verdict offsets: files of one batch cover several hours, and may lie in each other."""
    together: list[LedgerFile] = []
    for file in files:
        if together and file.first_verdict_offset > max(one.last_verdict_offset for one in together):
            yield from _merged(together, opened)
            together = []
        together.append(file)
    yield from _merged(together, opened)


def _merged(files: list[LedgerFile], opened: Open) -> Iterator[Row]:
    return merge(*(_rows(file, opened) for file in files), key=lambda row: row.offset)


def _rows(file: LedgerFile, opened: Open) -> Iterator[Row]:
    found = 0
    try:
        with pq.ParquetFile(opened(file.key), pre_buffer=True) as parquet:
            for batch in parquet.iter_batches(ROWS_AT_ONCE, use_threads=False):
                found += batch.num_rows
                yield from columns.rows(batch)
    except UNREADABLE as error:
        raise Refused(f"{file.key} of the ledger cannot be read: {error}") from error
    if found != file.rows:
        raise Refused(f"{file.key} of the ledger has {found} rows; its index says {file.rows}")

"""The ledger's tables as of one moment, and what the topics have beyond them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from ledger.adapters import rows
from ledger.adapters.rows import Input, Position
from ledger.adapters.topics import Topics
from ledger.domain.batch import LedgerFile, Row
from ledger.domain.gaps import Gap
from ledger.domain.inputs import concerns_input
from ledger.domain.ranges import Range
from winnow.codec import Codec
from winnow.contract import Names
from winnow.db import Database
from winnow.errors import PoisonRecord, Refused
from winnow.events import SelectorState, Verdict
from winnow.kafka.record import Record

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Books:
    """Index, inputs and gaps; `tail` are the verdicts that are in no file yet."""

    files: list[LedgerFile]
    inputs: dict[int, Input]
    expired: dict[int, list[Range]]
    gaps: list[Gap]
    tail: list[Row]


def read_books(names: Names, topics: Topics, codec: Codec, database: Database) -> Books:
    """The ledger's index, and verdicts and selector's positions that it has not taken in yet."""

    async def read(connection: Any) -> tuple[dict[tuple[str, int], Position], Books]:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        books = Books(
            files=await rows.files(connection),
            inputs=await rows.inputs(connection),
            expired=await rows.expired(connection),
            gaps=await rows.gaps(connection),
            tail=[],
        )
        return await rows.positions(connection), books

    positions, books = asked(database, read)
    for record in topics.tail(names.verdicts, _next(positions, names.verdicts)):
        try:
            books.tail.append(Row(record.partition, record.offset, codec.decode(Verdict, record.value)))
        except PoisonRecord:
            continue  # its frame shows as one without a verdict
    for record in topics.tail(names.state, _next(positions, names.state)):
        _take_state(books, record, codec)
    return books


def _next(positions: dict[tuple[str, int], Position], topic: str) -> dict[int, int]:
    return {partition: position.next_offset for (of, partition), position in positions.items() if of == topic}


def _take_state(books: Books, record: Record, codec: Codec) -> None:
    if record.value is None or not concerns_input(record.key):
        return
    state = codec.decode(SelectorState, record.value)
    known = books.inputs.get(record.partition, Input())
    if state.start is not None:
        books.inputs[record.partition] = Input(state.start.offset, known.cursor)
    elif state.cursor is not None:
        books.inputs[record.partition] = Input(known.start, state.cursor.next_offset)
    elif state.expired is not None:
        books.expired.setdefault(record.partition, []).append(Range(state.expired.first, state.expired.last))


def asked(database: Database, read: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
    """What `read` gives. Raises `Refused` where the tables were never made."""
    try:
        return database.run(read)
    except asyncpg.UndefinedTableError as error:
        raise Refused(
            f"{error} in the database; nothing was changed. `python -m ledger migrate` and `python -m store migrate` "
            "make the tables"
        ) from error

"""A batch of verdicts: Parquet, then one transaction for each partition; what the selector says of its input first.

The position in PostgreSQL is the authority and the fence. Files are written before it moves, under names that only
this run of offsets has, and count once they are indexed in the transaction that moves it. A member that lost its
partition meanwhile finds the position moved: it writes only what is still missing, and its first file stays unindexed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog

from ledger.adapters import parquet, rows
from ledger.adapters.frames import FramesTopic
from ledger.adapters.rows import Position
from ledger.domain.batch import LedgerFile, Row, by_hour, file_of, jumps
from ledger.domain.gaps import Gap, Kind, unaccounted
from ledger.domain.inputs import concerns_input
from ledger.domain.ranges import Range
from ledger.domain.status import NOBODY, CameraStatus, camera_of, observe
from winnow import metrics
from winnow.clock import now
from winnow.codec import Codec
from winnow.contract import Names
from winnow.db import Database
from winnow.errors import PoisonRecord, Refused
from winnow.events import SelectorState, Verdict
from winnow.kafka.deadletter import dead_letter
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.objects import Objects

log = structlog.get_logger()

DIFFERENCE_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction takes a partition from `before` to `after` with."""

    partition: int
    before: Position
    after: Position
    new: list[Row]
    files: list[LedgerFile]
    gaps: list[Gap]


class LedgerHandler:
    """Makes batches of verdicts and of the selector's positions durable. For use from one thread."""

    def __init__(
        self,
        *,
        names: Names,
        codec: Codec,
        objects: Objects,
        database: Database,
        frames: FramesTopic,
        publisher: Publisher,
    ) -> None:
        self._verdicts = names.verdicts
        self._state = names.state
        self._dead_letters = names.dead_letters(names.verdicts, "ledger")
        self._codec = codec
        self._objects = objects
        self._database = database
        self._frames = frames
        self._publisher = publisher
        self._difference_at = -DIFFERENCE_EVERY_S

    def positions(self, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The next offset of those partitions that were read before, as PostgreSQL has it."""
        known = self._database.run(rows.positions)
        return {partition: known[partition].next_offset for partition in partitions if partition in known}

    def handle(self, batch: list[Record]) -> None:
        """Files, rows, gaps and positions. Raises `DependencyDown`: the same batch may be handled again."""
        # State first: what it says of starts and expired ranges helps with the gaps of the verdicts.
        ordered = sorted(batch, key=lambda r: (r.topic != self._state, r.topic, r.partition, r.offset))
        for (topic, partition), records in groupby(ordered, key=lambda r: (r.topic, r.partition)):
            if topic == self._state:
                self._record_state(partition, list(records))
            else:
                self._record_verdicts(partition, list(records))
        self._measure_difference()

    # --- the selector's own account -----------------------------------------------------------------------------

    def _record_state(self, partition: int, records: list[Record]) -> None:
        start = cursor = None
        expired = []
        for record in records:
            if record.value is None or not concerns_input(record.key):
                continue
            try:
                state = self._codec.decode(SelectorState, record.value)
            except PoisonRecord as error:
                log.error("state record not understood, and skipped", position=record.position, error=str(error))
                continue
            if state.start is not None:
                start = state.start.offset
            elif state.cursor is not None:
                cursor = state.cursor.next_offset
            elif state.expired is not None:
                expired.append(Range(state.expired.first, state.expired.last))

        async def work(connection: Any) -> None:
            current = await rows.locked_position(connection, self._state, partition)
            next_offset = records[-1].offset + 1
            if next_offset <= current.next_offset:
                return
            if start is not None or cursor is not None:
                await rows.save_input(connection, partition, start=start, cursor=cursor)
            await rows.save_expired(connection, partition, expired)
            await rows.move(connection, self._state, partition, Position(next_offset))

        self._database.run(work)
        if expired:
            log.error("frames expired before they were judged", partition=partition, ranges=[str(r) for r in expired])

    # --- verdicts -----------------------------------------------------------------------------------------------

    def _record_verdicts(self, partition: int, records: list[Record]) -> None:
        verdicts, poison = self._decoded(records)
        self._bury(poison)
        end = records[-1].offset + 1
        while True:
            before, known_start, expired = self._database.run(lambda c: self._read(c, partition))
            new = [row for row in verdicts if row.offset >= before.next_offset]
            if end <= before.next_offset:
                return
            expected = before.next_source_offset if before.next_source_offset is not None else known_start
            holes, next_source = jumps(new, expected)
            found = self._frames.classify(partition, holes, expired)
            files = [self._write(same_hour) for same_hour in by_hour(new).values()]
            step = Step(partition, before, Position(end, next_source), new, files, found)
            if self._database.run(lambda c: self._commit(c, step)):  # noqa: B023 - called at once
                break
            log.warning("another member was faster; only what is missing is written", partition=partition)
        metrics.ledger_rows.inc(len(new))
        metrics.ledger_files.inc(len(files))
        for gap in found:
            self._report(gap)

    def _decoded(self, records: list[Record]) -> tuple[list[Row], list[tuple[Record, PoisonRecord]]]:
        verdicts, poison = [], []
        for record in records:
            try:
                verdict = self._codec.decode(Verdict, record.value)
            except PoisonRecord as error:
                poison.append((record, error))
            else:
                verdicts.append(Row(record.partition, record.offset, verdict, record.key))
        return verdicts, poison

    async def _read(self, connection: Any, partition: int) -> tuple[Position, int | None, list[Range]]:
        position = await rows.position(connection, self._verdicts, partition)
        known = (await rows.inputs(connection)).get(partition)
        expired = (await rows.expired(connection)).get(partition, [])
        return position, known.start if known else None, expired

    def _write(self, same_hour: list[Row]) -> LedgerFile:
        data = parquet.encode(same_hour)
        hour = same_hour[0].verdict.broker_time.replace(minute=0, second=0, microsecond=0)
        file = file_of(hour, same_hour, len(data))
        if self._objects.put_new(file.key, data, "application/vnd.apache.parquet"):
            return file
        # Left by a member that was killed before its transaction: the same offsets, hence the same rows.
        there = self._objects.get(file.key) or b""
        if not parquet.same_rows(there, same_hour):
            raise Refused(
                f"{file.key} is there with other rows than verdicts {file.first_verdict_offset} to "
                f"{file.last_verdict_offset} of partition {file.partition}. Nothing was overwritten or indexed. Move "
                "the object away and start the ledger again; if the topics were made anew, empty bucket and database"
            )
        return file_of(hour, same_hour, len(there))

    async def _commit(self, connection: Any, step: Step) -> bool:
        if await rows.locked_position(connection, self._verdicts, step.partition) != step.before:
            return False
        await rows.save_files(connection, step.files)
        await rows.save_gaps(connection, step.gaps, now())
        await self._save_cameras(connection, step.new)
        await rows.move(connection, self._verdicts, step.partition, step.after)
        return True

    async def _save_cameras(self, connection: Any, new: list[Row]) -> None:
        if not new:
            return
        claimed = {row.verdict.camera_id or (row.key or b"").decode(errors="replace") for row in new}
        asked = {camera_id for camera_id in claimed if "\0" not in camera_id}
        statuses = await rows.locked_cameras(connection, {*asked, NOBODY})
        changed: dict[str, CameraStatus] = {}
        for row in new:
            camera_id = camera_of(row.verdict, row.key, statuses)
            changed[camera_id] = statuses[camera_id] = observe(statuses.get(camera_id), row.verdict, camera_id)
        await rows.save_cameras(connection, changed.values())

    def _bury(self, poison: list[tuple[Record, PoisonRecord]]) -> None:
        for record, error in poison:
            key, value, headers = dead_letter(record, "ledger", error)
            self._publisher.publish(self._dead_letters, key, value, headers=headers, partition=record.partition)
            log.error("dead letter", position=record.position, error=str(error), topic=self._dead_letters)
        if poison:
            self._publisher.flush()
            metrics.dead_letters.labels(self._verdicts, "ledger").inc(len(poison))

    # --- gaps ---------------------------------------------------------------------------------------------------

    def _report(self, gap: Gap) -> None:
        metrics.ledger_gap_offsets.labels(gap.kind.value).inc(gap.range.size)
        if gap.kind in (Kind.LOST, Kind.UNPROVEN):
            log.error("frames without a verdict", partition=gap.partition, offsets=str(gap.range), kind=gap.kind.value)

    def _measure_difference(self) -> None:
        if time.monotonic() - self._difference_at < DIFFERENCE_EVERY_S:
            return

        async def read(connection: Any) -> int:
            return unaccounted(await rows.gaps(connection), await rows.expired(connection))

        metrics.balance_difference.set(self._database.run(read))
        self._difference_at = time.monotonic()

"""What a running home has of the selector's past: the ledger's files, the topics beyond them, and the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ledger.adapters import rows
from ledger.adapters.books import asked
from ledger.adapters.frames import FramesTopic
from ledger.adapters.ordered import in_order
from ledger.adapters.topics import Topics
from ledger.adapters.view import file_system
from ledger.domain.batch import LedgerFile, Row
from ledger.domain.gaps import Gap, Kind
from ledger.domain.ranges import Range, subtract
from ledger.settings import ReaderSettings
from selector.domain.state import restored
from winnow.codec import Codec
from winnow.db import Database
from winnow.errors import PoisonRecord, Refused
from winnow.events import SelectorState, Verdict
from winnow.kafka.restore import read_to_end
from winnow_cli.replay.history import Records
from winnow_cli.replay.partition import Snapshot

CLIENT_ID = "winnow-replay"


@dataclass(frozen=True, slots=True)
class Index:
    """The ledger's tables as of one moment: files and gaps in order, and where each verdict partition is read on."""

    files: list[LedgerFile]
    gaps: list[Gap]
    next_offsets: dict[int, int]


def read_index(settings: ReaderSettings) -> Index:
    """Raises `DependencyDown`, `Refused`."""

    async def read(connection: Any) -> Index:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        positions = await rows.positions(connection)
        verdicts = settings.names.verdicts
        next_offsets = {p: at.next_offset for (topic, p), at in positions.items() if topic == verdicts}
        return Index(await rows.files(connection), await rows.gaps(connection), next_offsets)

    with closing(Database(settings)) as database:
        return asked(database, read)


def read_records(settings: ReaderSettings) -> Records:
    """Every version of policies and cameras. Raises `DependencyDown`."""
    names, codec = settings.names, Codec(settings.registry_url)
    policies, cameras = (read_to_end(settings, t, 0, client_id=CLIENT_ID) for t in (names.policies, names.cameras))
    return Records.of(policies, cameras, codec)


class Recording:
    """One partition's recorded past."""

    def __init__(self, settings: ReaderSettings, index: Index, partition: int) -> None:
        self._settings = settings
        self._partition = partition
        self._codec = Codec(settings.registry_url)
        self._topics = Topics(settings, client_id=CLIENT_ID)
        self._files = [file for file in index.files if file.partition == partition]
        self._explained = [
            gap.range for gap in index.gaps if gap.partition == partition and gap.kind in (Kind.MARKER, Kind.EXPIRED)
        ]
        self.first_pending = index.next_offsets.get(partition, 0)
        self._expired: tuple[Range, ...] = ()

    def snapshot(self) -> Snapshot:
        """The state, read before the verdicts, so that none of those before its cursor is missing from them.

        Raises `Refused` where it is no whole.
        """
        start, expired = None, []

        def parts() -> Iterator[SelectorState]:
            nonlocal start
            topic = self._settings.names.state
            for record in read_to_end(self._settings, topic, self._partition, client_id=CLIENT_ID):
                if record.value is None:
                    continue
                state = self._codec.decode(SelectorState, record.value)
                if state.start is not None:
                    start = state.start.offset
                elif state.expired is not None:
                    expired.append(Range(state.expired.first, state.expired.last))
                yield state

        try:
            states, cursor = restored(parts())
        except (ValueError, PoisonRecord) as error:
            raise Refused(f"{self._settings.names.state}, partition {self._partition}: {error}") from error
        self._expired = tuple(expired)
        return Snapshot(self._partition, start, cursor, self._expired, states)

    def rows(self) -> Iterator[Row]:
        """Every verdict, one for each offset: from the files, then from the topic. Raises `Refused`."""
        storage = file_system(self._settings)
        bucket, frames = self._settings.s3_bucket, self._settings.names.frames
        found = in_order(self._files, lambda key: storage.open_input_file(f"{bucket}/{key}"), self._pending())
        return (row for row in found if row.verdict.source.topic == frames)

    def _pending(self) -> Iterator[Row]:
        topic, partition = self._settings.names.verdicts, self._partition
        end = self._topics.ends(topic)[partition]
        for record in self._topics.read(topic, {partition: [Range(self.first_pending, end - 1)]}):
            try:
                yield Row(partition, record.offset, self._codec.decode(Verdict, record.value))
            except PoisonRecord:
                continue  # its frame shows as one without a verdict

    def unexplained(self, holes: list[Range]) -> str:
        """What of these offsets, without a verdict, may have changed the state."""
        left = subtract(holes, self._explained)
        frames = FramesTopic(self._settings, client_id=CLIENT_ID)
        gaps = [
            g for g in frames.classify(self._partition, left, self._expired) if g.kind in (Kind.LOST, Kind.UNPROVEN)
        ]
        if not gaps:
            return ""
        return (
            f"no verdict is recorded on {', '.join(str(gap.range) for gap in gaps[:3])} ({gaps[0].kind.value}), so the "
            "state after that is not known. `winnow balance` accounts for every offset"
        )

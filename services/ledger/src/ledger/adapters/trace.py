"""A frame's whole story: from its record to its verdict, its ledger file, its row and its object."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from ledger.adapters.books import asked, read_books
from ledger.adapters.topics import Topics
from ledger.adapters.view import LedgerView
from ledger.domain.batch import LedgerFile
from ledger.settings import ReaderSettings
from winnow.codec import Codec
from winnow.db import Database
from winnow.objects import Objects

# A verdict record once, also where it was written to two files.
FOUND = """
SELECT * FROM rows WHERE {condition}
QUALIFY row_number() OVER (PARTITION BY verdict_partition, verdict_offset ORDER BY pending) = 1
ORDER BY source_partition, source_offset, verdict_offset"""


@dataclass(frozen=True, slots=True)
class Story:
    """One verdict and what came of it.

    `verdict` has the ledger's columns, the signature as its size. `ledger_file` is None while the verdict is pending.
    `stored` is the store's row, None where the frame was not kept or is not stored yet; `object_there` says whether the
    object is in the bucket with the size of its row. `frame_there`: the frames topic still has the record.
    """

    source: str
    verdict: dict[str, Any]
    pending: bool
    ledger_file: str | None
    frame_there: bool
    stored: dict[str, Any] | None
    object_there: bool | None

    def to_json(self) -> dict[str, Any]:
        """The story as plain values; times are left as datetimes."""
        return asdict(self)


def trace(settings: ReaderSettings, wanted: str, camera_id: str | None = None) -> list[Story]:
    """Every verdict on `wanted`: a frame id, an image id or `partition:offset` of the frames topic.

    In the order of the frames' offsets; redelivered copies and doubled verdicts are among them. Raises
    `DependencyDown`, `Refused`.
    """
    names = settings.names
    topics = Topics(settings, client_id="trace")
    objects = Objects(settings)
    with closing(Database(settings)) as database:
        books = read_books(names, topics, Codec(settings.registry_url), database)
        starts = topics.starts(names.frames)
        with LedgerView(settings, books.files, books.tail) as view:
            found = _verdicts(view, database, names.frames, wanted, camera_id)
        stories = []
        for row in found:
            place = row["source_partition"], row["source_offset"]
            stored = _stored_row(database, names.frames, *place)
            pending = row.pop("pending")
            signature = row.pop("signature")
            row["signature_bytes"] = len(signature) if signature is not None else None
            stories.append(
                Story(
                    source=f"{place[0]}:{place[1]}",
                    verdict=row,
                    pending=pending,
                    ledger_file=None if pending else _file(books.files, row),
                    frame_there=place[1] >= starts.get(place[0], 0),
                    stored=stored,
                    object_there=objects.size(stored["key"]) == stored["size_bytes"] if stored else None,
                )
            )
    return stories


def _verdicts(
    view: LedgerView, database: Database, topic: str, wanted: str, camera_id: str | None
) -> list[dict[str, Any]]:
    if re.fullmatch(r"\d+:\d+", wanted):
        partition, offset = wanted.split(":")
        places = [(int(partition), int(offset))]
    elif re.fullmatch(r"[0-9a-f]{64}", wanted) and (shown := _places_of_image(database, topic, wanted)):
        places = shown
    else:
        condition = "frame_id = ?" + (" AND camera_id = ?" if camera_id is not None else "")
        return view.query(FOUND.format(condition=condition), [wanted, *([camera_id] if camera_id is not None else [])])
    condition = "source_topic = ? AND source_partition = ? AND source_offset = ?"
    return [row for place in places for row in view.query(FOUND.format(condition=condition), [topic, *place])]


def _places_of_image(database: Database, topic: str, image_id: str) -> list[tuple[int, int]]:
    async def read(connection: Any) -> list[tuple[int, int]]:
        rows = await connection.fetch(
            """
            SELECT source_partition, source_offset FROM kept_frames
            WHERE source_topic = $1 AND image_id = $2 ORDER BY 1, 2
            """,
            topic,
            image_id,
        )
        return [tuple(row) for row in rows]

    return asked(database, read)


def _stored_row(database: Database, topic: str, partition: int, offset: int) -> dict[str, Any] | None:
    async def read(connection: Any) -> dict[str, Any] | None:
        row = await connection.fetchrow(
            """
            SELECT image_id, bucket, key, size_bytes, width, height, content_type, stored_at,
                   kept_frames.block AS block, images.block AS image_block, selected_partition, selected_offset
            FROM kept_frames JOIN images USING (image_id)
            WHERE source_topic = $1 AND source_partition = $2 AND source_offset = $3
            """,
            topic,
            partition,
            offset,
        )
        return dict(row) if row else None

    return asked(database, read)


def _file(files: list[LedgerFile], row: dict[str, Any]) -> str | None:
    hour = row["broker_time"].replace(minute=0, second=0, microsecond=0)
    return next(
        (
            file.key
            for file in files
            if file.partition == row["verdict_partition"]
            and file.hour == hour
            and file.first_verdict_offset <= row["verdict_offset"] <= file.last_verdict_offset
        ),
        None,
    )

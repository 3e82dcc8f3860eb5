"""The store's tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from store.domain.images import Image
from winnow.events import KeptFrame, SelectedFrame, Source, StoredImage
from winnow.kafka.record import Record


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A selected frame whose image is in object storage, and the record that brought it."""

    record: Record
    frame: SelectedFrame
    image: Image
    bucket: str


async def save(connection: Any, frames: list[StoredFrame], announcer: UUID, at: datetime) -> tuple[int, int]:
    """Upserts images and kept frames and notes their announcement; how many of each are new.

    Images first and in the order of their ids: their locks keep apart those who add frames to one image, and a second
    statement then sees all that was added before.
    """
    images = {stored.image.image_id: stored for stored in frames}
    new_images = 0
    for image_id in sorted(images):
        new_images += await _save_image(connection, [s for s in frames if s.image.image_id == image_id], at)
    new_frames = 0
    for stored in frames:
        new_frames += await _save_frame(connection, stored)
    await connection.executemany(
        "INSERT INTO image_announcements VALUES ($1, $2, $3) ON CONFLICT (image_id, announcer) DO NOTHING",
        [(image_id, announcer, at) for image_id in sorted(images)],
    )
    return new_images, new_frames


async def _save_image(connection: Any, same: list[StoredFrame], at: datetime) -> int:
    first = max(same, key=lambda stored: stored.frame.signature_version)
    block = "test" if any(stored.frame.block == "test" for stored in same) else "train"
    return int(
        await connection.fetchval(
            """
            INSERT INTO images AS old VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            ON CONFLICT (image_id) DO UPDATE SET
                block = CASE WHEN 'test' IN (old.block, excluded.block) THEN 'test' ELSE 'train' END,
                signature = CASE WHEN excluded.signature_version > old.signature_version
                    THEN excluded.signature ELSE old.signature END,
                signature_version = greatest(old.signature_version, excluded.signature_version)
            RETURNING (xmax = 0)::int
            """,
            first.image.image_id,
            first.bucket,
            first.image.key,
            first.image.size_bytes,
            first.frame.width,
            first.frame.height,
            first.image.content_type,
            block,
            first.frame.signature,
            first.frame.signature_version,
            at,
        )
    )


async def _save_frame(connection: Any, stored: StoredFrame) -> int:
    frame, source = stored.frame, stored.frame.source
    tag = await connection.execute(
        """
        INSERT INTO kept_frames VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (source_topic, source_partition, source_offset) DO NOTHING
        """,
        source.topic,
        source.partition,
        source.offset,
        stored.image.image_id,
        frame.camera_id,
        frame.frame_id,
        frame.captured_at,
        frame.event_time,
        frame.reason,
        list(frame.flags),
        frame.block,
        frame.policy_version,
        stored.record.partition,
        stored.record.offset,
    )
    return int(tag.rsplit(" ", 1)[1])


MOST_FRAMES = 1000
"""Of more frames with the same bytes an event names the newest: a "no signal" picture of many cameras has a new frame
every few minutes, and its list would outgrow what the broker takes."""


@dataclass(frozen=True, slots=True)
class ImageNow:
    """An image as it is now. `frames` are all its kept frames; `event` names at most `MOST_FRAMES` of them."""

    event: StoredImage
    frames: int


async def images(connection: Any, image_ids: Iterable[str]) -> dict[str, ImageNow]:
    """Images as they are now, with their kept frames, by id."""
    wanted = sorted(set(image_ids))
    frames: dict[str, list[KeptFrame]] = {}
    for row in await connection.fetch(
        """
        SELECT * FROM (
            SELECT *, row_number() OVER (PARTITION BY image_id ORDER BY event_time DESC, source_offset DESC) AS age
            FROM kept_frames WHERE image_id = ANY ($1)
        ) AS aged WHERE age <= $2
        ORDER BY source_topic, source_partition, source_offset
        """,
        wanted,
        MOST_FRAMES,
    ):
        frames.setdefault(row["image_id"], []).append(
            KeptFrame(
                camera_id=row["camera_id"],
                frame_id=row["frame_id"],
                source=Source(row["source_topic"], row["source_partition"], row["source_offset"]),
                event_time=row["event_time"],
                block=row["block"],
                flags=tuple(row["flags"]),
            )
        )
    found = await connection.fetch(
        """
        SELECT *, (SELECT count(*) FROM kept_frames WHERE kept_frames.image_id = images.image_id) AS frames
        FROM images WHERE image_id = ANY ($1)
        """,
        wanted,
    )
    return {row["image_id"]: ImageNow(_event(row, frames.get(row["image_id"], [])), row["frames"]) for row in found}


def _event(row: Any, frames: list[KeptFrame]) -> StoredImage:
    return StoredImage(
        image_id=row["image_id"],
        bucket=row["bucket"],
        key=row["key"],
        size_bytes=row["size_bytes"],
        width=row["width"],
        height=row["height"],
        content_type=row["content_type"],
        frames=tuple(frames),
        block=row["block"],
        stored_at=row["stored_at"],
        signature=row["signature"],
        signature_version=row["signature_version"],
    )


async def end_announcements(connection: Any, image_ids: Iterable[str], announcer: UUID) -> None:
    await connection.execute(
        "DELETE FROM image_announcements WHERE announcer = $1 AND image_id = ANY ($2)", announcer, sorted(image_ids)
    )


async def abandoned(connection: Any, at: datetime, age: timedelta) -> list[tuple[str, UUID]]:
    """Announcements that somebody began longer than `age` ago and has not ended."""
    rows = await connection.fetch(
        "SELECT image_id, announcer FROM image_announcements WHERE since < $1 ORDER BY since LIMIT 1000", at - age
    )
    return [(row["image_id"], row["announcer"]) for row in rows]

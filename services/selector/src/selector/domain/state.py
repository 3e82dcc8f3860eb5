"""What the selector knows of a camera, and its form in the state topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from selector.domain.autopilot import Autopilot
from selector.domain.budget import Bucket
from selector.domain.noise import NoiseFloor
from selector.domain.quality import stored
from selector.domain.quality.inspect import Memory
from selector.domain.ring import Ring
from selector.domain.seen import SeenWindow
from selector.domain.signature import SIGNATURE_VERSION
from winnow import events
from winnow.events import CameraScalars, DetailReference, RingEntry, SeenIds, SelectorState


@dataclass(frozen=True, slots=True, eq=False)
class CameraState:
    """A value: a decision gives a new one. `last_event_ms` is of the newest frame that could serve a control slot.

    `sizes` are the byte sizes of the last 64 frames, oldest first.
    """

    camera_id: str
    frames: int = 0
    last_event_ms: int | None = None
    last_kept_ms: int | None = None
    bucket: Bucket = field(default_factory=Bucket)
    autopilot: Autopilot = field(default_factory=Autopilot)
    noise: NoiseFloor = field(default_factory=NoiseFloor)
    quality: Memory = field(default_factory=Memory)
    ring: Ring = field(default_factory=Ring)
    seen: SeenWindow = field(default_factory=SeenWindow)
    sizes: tuple[int, ...] = ()


def changes(before: CameraState | None, after: CameraState) -> Iterator[SelectorState]:
    """The records that turn one state's stored form into the other's."""
    camera_id = after.camera_id
    for slot, kept in enumerate(after.ring.kept):
        if before is None or slot >= len(before.ring.kept) or before.ring.kept[slot] is not kept:
            entry = RingEntry(slot, kept.frame_id, kept.event_ms, kept.packed, SIGNATURE_VERSION)
            yield SelectorState(camera_id, ring=entry)
    for chunk, keys in enumerate(after.seen.chunks):
        if keys and (before is None or before.seen.chunks[chunk] is not keys):
            contents = tuple(_signed(value) for value in after.seen.chunk_contents(chunk))
            yield SelectorState(camera_id, seen=SeenIds(chunk, keys, contents))
    for reference in stored.changes(before.quality if before is not None else None, after.quality):
        yield SelectorState(camera_id, detail=reference)
    yield SelectorState(
        camera_id,
        scalars=CameraScalars(
            frames=after.frames,
            last_event_ms=after.last_event_ms,
            last_kept_ms=after.last_kept_ms,
            tokens=after.bucket.tokens,
            tokens_at_ms=after.bucket.at_ms,
            ring_count=after.ring.count,
            seen_count=after.seen.count,
            noise=events.NoiseFloor((after.noise.residual, after.noise.cosine), after.noise.frames),
            reserve=after.bucket.reserve,
            autopilot=events.Autopilot(*after.autopilot),
            sizes=after.sizes,
            quality=stored.scalars(after.quality),
        ),
    )


def restored(records: Iterable[SelectorState]) -> tuple[dict[str, CameraState], int | None]:
    """States by camera, and the cursor, from a partition's records in their order; the last of a key counts.

    Raises `ValueError` naming a camera whose records do not make a whole.
    """
    scalars: dict[str, CameraScalars] = {}
    rings: dict[str, dict[int, tuple[str, int, bytes]]] = {}
    chunks: dict[str, dict[int, tuple[tuple[str | bytes, ...], tuple[int, ...]]]] = {}
    details: dict[str, dict[str, DetailReference]] = {}
    cursor: int | None = None
    for record in records:
        camera_id = record.camera_id or ""
        if record.cursor is not None:
            cursor = record.cursor.next_offset
        elif record.scalars is not None:
            scalars[camera_id] = record.scalars
        elif record.ring is not None:
            entry = record.ring
            rings.setdefault(camera_id, {})[entry.slot] = (entry.frame_id, entry.event_ms, entry.signature)
        elif record.detail is not None:
            details.setdefault(camera_id, {})[record.detail.mode] = record.detail
        elif record.seen is not None:
            contents = tuple(_unsigned(value) for value in record.seen.content_hashes)
            chunks.setdefault(camera_id, {})[record.seen.chunk] = (record.seen.frame_ids, contents)
    states = {}
    for camera_id in scalars | rings | chunks | details:
        try:
            states[camera_id] = _camera(camera_id, scalars, rings, chunks, details.get(camera_id, {}))
        except ValueError as error:
            raise ValueError(f"camera {camera_id}: {error}") from error
    return states, cursor


def _camera(
    camera_id: str,
    known: dict[str, CameraScalars],
    rings: dict[str, dict[int, tuple[str, int, bytes]]],
    chunks: dict[str, dict[int, tuple[tuple[str | bytes, ...], tuple[int, ...]]]],
    details: dict[str, DetailReference],
) -> CameraState:
    scalars = known.get(camera_id)
    if scalars is None:
        raise ValueError("it has no scalars")
    residual, cosine = scalars.noise.values
    pilot = scalars.autopilot
    return CameraState(
        camera_id,
        frames=scalars.frames,
        last_event_ms=scalars.last_event_ms,
        last_kept_ms=scalars.last_kept_ms,
        bucket=Bucket(scalars.tokens, scalars.tokens_at_ms, scalars.reserve),
        autopilot=Autopilot(pilot.bar, pilot.level, pilot.unfollowed) if pilot is not None else Autopilot(),
        noise=NoiseFloor(scalars.noise.count, residual, cosine),
        quality=stored.restored(scalars.quality, details),
        ring=Ring.restored(scalars.ring_count, rings.get(camera_id, {})),
        seen=SeenWindow.restored(scalars.seen_count, chunks.get(camera_id, {})),
        sizes=scalars.sizes,
    )


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _unsigned(value: int) -> int:
    return value % 2**64

"""From an input record to what a decision needs; what depends on the record alone."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from selector.domain.image_header import Unreadable
from selector.domain.signature import ExtractionLimits, Signature, extract
from winnow.codec import Codec
from winnow.errors import PoisonRecord
from winnow.events import Frame
from winnow.identity import check_camera_id, check_frame_id, frame_id_of_capture
from winnow.kafka.record import Record

NOT_AVRO, WRONG_KEY, INVALID_ID, MISSING_REFERENCE = "not_avro", "wrong_key", "invalid_id", "missing_reference"


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """A record that was looked at. Without `frame`, or with `refused`, there is no decision to make, only a verdict."""

    frame: Frame | None
    frame_id: str | None = None
    refused: str = ""
    detail: str = ""
    signature: Signature | None = None
    content_hash: int = 0
    size_bytes: int = 0


def extract_record(record: Record, codec: Codec, limits: ExtractionLimits) -> Extracted:
    """Decodes a record of the frames topic and the picture in it. Raises `DependencyDown` (registry)."""
    try:
        frame = codec.decode(Frame, record.value)
    except PoisonRecord as error:
        return Extracted(None, refused=NOT_AVRO, detail=str(error), size_bytes=len(record.value or b""))
    frame_id = frame.frame_id or frame_id_of_capture(frame.camera_id, frame.captured_at, frame.sequence)
    try:
        check_camera_id(frame.camera_id)
        check_frame_id(frame_id)
    except PoisonRecord as error:
        return Extracted(None, refused=INVALID_ID, detail=str(error))
    if record.key != frame.camera_id.encode():
        # Whose frame it is is not known: it counts for no camera.
        detail = f"the record's key {(record.key or b'')[:200]!r} is not its camera id {frame.camera_id!r}"
        return Extracted(None, refused=WRONG_KEY, detail=detail)
    if not isinstance(frame.image, bytes):
        detail = f"the image lies at {frame.image.bucket}/{frame.image.key}; references are not read yet"
        return Extracted(frame, frame_id, MISSING_REFERENCE, detail, size_bytes=frame.image.size_bytes)
    return extract_image(frame, frame_id, frame.image, limits)


def extract_image(frame: Frame, frame_id: str, image: bytes, limits: ExtractionLimits) -> Extracted:
    """What of a frame's decision depends on its picture alone."""
    found = extract(image, limits)
    return Extracted(
        frame,
        frame_id,
        detail=found.reason if isinstance(found, Unreadable) else "",
        signature=None if isinstance(found, Unreadable) else found,
        content_hash=xxhash.xxh3_128_intdigest(image),
        size_bytes=len(image),
    )

"""From an input record to what a decision needs; what depends on the record alone."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.image_header import Unreadable
from selector.domain.signature import Signature
from winnow.codec import Codec
from winnow.errors import PoisonRecord
from winnow.events import Frame
from winnow.identity import check_camera_id, check_frame_id, frame_id_of_capture
from winnow.kafka.record import Record
from winnow.references import BadReference, References

NOT_AVRO, WRONG_KEY, INVALID_ID = "not_avro", "wrong_key", "invalid_id"


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


def extract_record(record: Record, codec: Codec, references: References, limits: ExtractionLimits) -> Extracted:
    """Decodes a record of the frames topic and the picture in it. Raises `DependencyDown` (registry, storage).

    A referenced image is let go when it has been looked at: only one a thread is ever in memory.
    """
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
        try:
            image = references.fetch(frame.image)
        except BadReference as error:
            return Extracted(frame, frame_id, error.reason, str(error), size_bytes=max(0, frame.image.size_bytes))
        return extract_image(frame, frame_id, image, limits)
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

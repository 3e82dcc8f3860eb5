"""From an input record to what a decision needs; what depends on the record alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import xxhash

from selector.domain.effort import Effort
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
    """A record as the decision needs it. Without `frame`, or with `refused`, there is only a verdict to make.

    With reduced effort the picture is not decoded yet: neither `signature` nor `detail` is there.
    """

    frame: Frame | None
    frame_id: str | None = None
    refused: str = ""
    detail: str = ""
    signature: Signature | None = None
    content_hash: int = 0
    size_bytes: int = 0
    effort: Effort = Effort.FULL


def extract_record(
    record: Record,
    codec: Codec,
    references: References,
    limits: ExtractionLimits,
    effort_of: Callable[[str, datetime], Effort],
) -> Extracted:
    """Decodes a record of the frames topic and the picture in it. Raises `DependencyDown` (registry, storage).

    `effort_of` a camera at the broker's time says whether the picture is decoded here, or by `look` where it must be.
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
    if isinstance(frame.image, bytes):
        effort = effort_of(frame.camera_id, record.timestamp)
        return extract_image(frame, frame_id, frame.image, limits, effort)
    try:
        image = references.fetch(frame.image)
    except BadReference as error:
        return Extracted(frame, frame_id, error.reason, str(error), size_bytes=max(0, frame.image.size_bytes))
    # Decoded whatever the lag: fetching it was the larger part, and it cannot wait in memory until it is decided on.
    return extract_image(frame, frame_id, image, limits)


def extract_image(
    frame: Frame, frame_id: str, image: bytes, limits: ExtractionLimits, effort: Effort = Effort.FULL
) -> Extracted:
    """What of a frame's decision depends on its picture alone; with reduced effort only what its bytes say."""
    found = extract(image, limits) if effort is Effort.FULL else None
    return Extracted(
        frame,
        frame_id,
        detail=found.reason if isinstance(found, Unreadable) else "",
        signature=None if isinstance(found, Unreadable) else found,
        content_hash=xxhash.xxh3_128_intdigest(image),
        size_bytes=len(image),
        effort=effort,
    )


def look(extracted: Extracted, limits: ExtractionLimits) -> Extracted:
    """The same with the picture decoded that reduced effort had left."""
    frame, frame_id = extracted.frame, extracted.frame_id
    assert frame is not None and frame_id is not None and isinstance(frame.image, bytes)
    return replace(extract_image(frame, frame_id, frame.image, limits), effort=extracted.effort)

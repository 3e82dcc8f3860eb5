"""The event that tells of a stored image, and its headers."""

from __future__ import annotations

from datetime import datetime

from winnow.events import Source, StoredImage

Headers = list[tuple[str, str | bytes | None]]

EVENT_TYPE = "io.winnow.v1.StoredImage"
EVENT_SOURCE = "/winnow/store"


def event_id(source: Source, correction: int = 0) -> str:
    """The same for every delivery of a selected frame, so that consumers can drop what they have seen.

    A correction sends a newer list after an older one overtook it, and therefore needs an id of its own; `correction`
    is that list's length.
    """
    identity = f"{source.topic}:{source.partition}:{source.offset}"
    return f"{identity}+{correction}" if correction else identity


def headers(identity: str, time: datetime, traceparent: bytes | None) -> Headers:
    """CloudEvents in binary mode, and the trace that led here."""
    added: Headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", identity),
        ("ce_type", EVENT_TYPE),
        ("ce_source", EVENT_SOURCE),
        ("ce_time", time.isoformat()),
        ("content-type", "application/avro"),
    ]
    return [*added, ("traceparent", traceparent)] if traceparent else added


def is_newest(announced: StoredImage, frames_now: int) -> bool:
    """Whether no frame was added since. Frames are only ever added, so a longer list is a newer one."""
    return len(announced.frames) >= frames_now

"""What a frame is called: (camera_id, frame_id), the same however often it is sent."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import datetime

from winnow.clock import to_ms
from winnow.errors import PoisonRecord

FRAMES = uuid.UUID("6f2b5f0e-3d0a-5a54-9d0c-6a3c1b7e9f10")
"""Namespace of all frame ids that Winnow makes (RFC 9562, version 5)."""

MAX_CAMERA_ID_BYTES = 200
MAX_FRAME_ID_BYTES = 200


def frame_id_of_capture(camera_id: str, captured_at: datetime, sequence: int | None) -> str:
    """The id of a frame whose producer gave none: uuid5 over `camera NUL captured_at in ms NUL sequence`."""
    number = "" if sequence is None else str(sequence)
    return str(uuid.uuid5(FRAMES, f"{camera_id}\0{to_ms(captured_at)}\0{number}"))


def frame_id_of_file(camera_id: str, sha256: str, index: int) -> str:
    """The id of a frame of a file: uuid5 over `camera NUL SHA-256 of the file (hex) NUL index from 0`."""
    return str(uuid.uuid5(FRAMES, f"{camera_id}\0{sha256}\0{index}"))


def frame_id_of_record(topic: str, partition: int, offset: int) -> str:
    """The id of a frame that is a record of a plain topic: uuid5 over `topic NUL partition NUL offset`."""
    return str(uuid.uuid5(FRAMES, f"{topic}\0{partition}\0{offset}"))


def check_camera_id(camera_id: str) -> None:
    """Raises `PoisonRecord` unless it is 1 to 200 bytes of UTF-8 without control characters."""
    if not camera_id:
        raise PoisonRecord("the camera id is empty")
    if any(unicodedata.category(character) == "Cc" for character in camera_id):
        raise PoisonRecord(f"the camera id {camera_id!r} has control characters")
    size = _utf8_bytes(camera_id, "camera id")
    if size > MAX_CAMERA_ID_BYTES:
        raise PoisonRecord(f"the camera id has {size} bytes; {MAX_CAMERA_ID_BYTES} are the most")


def check_frame_id(frame_id: str) -> None:
    """Raises `PoisonRecord` unless it is at most 200 bytes of UTF-8 without NUL."""
    size = _utf8_bytes(frame_id, "frame id")
    if size > MAX_FRAME_ID_BYTES:
        raise PoisonRecord(f"the frame id has {size} bytes; {MAX_FRAME_ID_BYTES} are the most")
    if "\0" in frame_id:
        raise PoisonRecord("the frame id has a NUL character")


def _utf8_bytes(name: str, what: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError:  # surrogates, as Python makes them of an argument that is no UTF-8
        raise PoisonRecord(f"the {what} {name!r} is not UTF-8") from None

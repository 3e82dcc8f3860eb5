"""What the store makes of a selected frame's bytes: their identity, their form and their place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from winnow.errors import PoisonRecord
from winnow.events import SelectedFrame

FORMATS = {
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
    b"\x89PNG\r\n\x1a\n": ("image/png", "png"),
}


@dataclass(frozen=True, slots=True)
class Image:
    """Encoded bytes by their content. `image_id` is their SHA-256, 64 lower-case hex digits."""

    image_id: str
    key: str
    content_type: str
    size_bytes: int


def image_of(data: bytes) -> Image:
    """The image that these bytes are. Raises `PoisonRecord` where they are none that the store keeps."""
    for start, (content_type, suffix) in FORMATS.items():
        if data.startswith(start):
            image_id = hashlib.sha256(data).hexdigest()
            return Image(image_id, f"images/{image_id[:2]}/{image_id}.{suffix}", content_type, len(data))
    raise PoisonRecord(f"neither JPEG nor PNG (first bytes {data[:4].hex(' ') or 'none'})")


def check(frame: SelectedFrame) -> None:
    """Raises `PoisonRecord` for a frame that no row can hold."""
    if "\x00" in frame.camera_id + frame.frame_id + frame.reason + "".join(frame.flags):
        raise PoisonRecord("a NUL character in the frame's identity: PostgreSQL's text cannot hold it")
    if frame.block not in ("train", "test"):
        raise PoisonRecord(f"block {frame.block!r} is neither train nor test")
    if frame.width < 1 or frame.height < 1:
        raise PoisonRecord(f"a size of {frame.width}x{frame.height} pixels")

"""Small pictures of frames within a budget of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.domain.picture import declared_size

QUALITY = 78
SIDES = (480, 360, 270, 200, 150, 110, 80)
"""Longest sides in pixels, from the one that pictures begin with to the smallest that still shows something."""

_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)


@dataclass(slots=True, eq=False)
class Picture:
    """A JPEG of `width` x `height` pixels."""

    jpeg: bytes
    width: int
    height: int


class Album:
    """Holds pictures of at most `budget_bytes` together: where they outgrow it, all of them become smaller."""

    def __init__(self, budget_bytes: int, largest: int = SIDES[0]) -> None:
        self._budget_bytes = budget_bytes
        self._sides = [side for side in SIDES if side <= largest]
        self._pictures: set[Picture] = set()
        self._bytes = 0

    def add(self, image: bytes) -> Picture | None:
        """A picture of the frame, which shrinks in place when others come; None where there is no room for one."""
        pixels = _decoded(image, self._sides[0])
        picture = None if pixels is None else _encoded(pixels, self._sides[0])
        if picture is None:
            return None
        self._pictures.add(picture)
        self._bytes += len(picture.jpeg)
        while self._bytes > self._budget_bytes and len(self._sides) > 1:
            self._shrink()
        if self._bytes > self._budget_bytes:
            self.drop(picture)
            return None
        return picture

    def drop(self, picture: Picture) -> None:
        self._pictures.remove(picture)
        self._bytes -= len(picture.jpeg)

    def _shrink(self) -> None:
        self._sides.pop(0)
        for picture in self._pictures:
            pixels = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
            smaller = None if pixels is None else _encoded(pixels, self._sides[0])
            if smaller is not None:
                picture.jpeg, picture.width, picture.height = smaller.jpeg, smaller.width, smaller.height
        self._bytes = sum(len(picture.jpeg) for picture in self._pictures)


def _decoded(image: bytes, side: int) -> NDArray[Any] | None:
    """uint8 (height, width, 3), BGR, as the pixels are stored (the selector ignores EXIF orientation too).

    At the least size that is not below `side`.
    """
    longest = max(declared_size(image) or (0, 0))
    flags = next((flag for scale, flag in _REDUCED if longest // scale >= side), cv2.IMREAD_COLOR)
    return cv2.imdecode(np.frombuffer(image, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)


def _encoded(pixels: NDArray[Any], side: int) -> Picture | None:
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = pixels if scale == 1.0 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", resized, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return Picture(bytes(jpeg), *size) if done else None

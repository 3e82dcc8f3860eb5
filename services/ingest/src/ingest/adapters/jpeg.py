"""Pictures that are not JPEG yet are encoded once, all in the same way."""

from __future__ import annotations

from typing import Any

import cv2
from numpy.typing import NDArray

QUALITY = 90
"""libjpeg's scale, 4:2:0: a grainy 4K frame has about 990 kB."""

_FORM = [
    cv2.IMWRITE_JPEG_QUALITY,
    QUALITY,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
]


def jpeg(picture: NDArray[Any]) -> bytes | None:
    """A uint8 (height, width, 3) BGR or (height, width) grey picture as JPEG; None where there is none of this size."""
    ok, encoded = cv2.imencode(".jpg", picture, _FORM)
    return encoded.tobytes() if ok else None

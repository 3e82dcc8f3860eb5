"""The pictures of PNG and WebP files, as JPEG."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, WebPImagePlugin

from ingest.adapters.jpeg import jpeg
from ingest.domain.picture import LARGEST_BYTES, LARGEST_PIXELS, declared_size
from winnow.errors import Refused

_READERS = {"image/png": PngImagePlugin.PngImageFile, "image/webp": WebPImagePlugin.WebPImageFile}


def transcoded(image: bytes, kind: str) -> bytes:
    """What `adapters.encode.as_jpeg` gives for the media type `kind`. Raises `Refused` as it does."""
    size = declared_size(image)
    if size is None:
        raise Refused(f"a damaged {_name(kind)}: its header holds no size")
    if size[0] * size[1] > LARGEST_PIXELS:
        raise Refused(f"{size[0]} x {size[1]} pixels; a picture has at most {LARGEST_PIXELS:,}")
    encoded = jpeg(_decoded(image, kind))
    if encoded is None or len(encoded) > LARGEST_BYTES:
        raise Refused(f"{size[0]} x {size[1]} pixels do not become a JPEG of at most {LARGEST_BYTES:,} bytes")
    return encoded


def _decoded(image: bytes, kind: str) -> NDArray[Any]:
    """uint8, (height, width, 3) BGR or (height, width) grey."""
    try:
        # Not `Image.open`: its own limit only warns up to twice as many pixels, through a filter that threads share.
        with _READERS[kind](io.BytesIO(image)) as picture:
            animated = getattr(picture, "is_animated", False)
            upright = None if animated else ImageOps.exif_transpose(_eight_bits(picture))
    except Exception as error:  # Pillow raises whatever the bytes lead it to
        raise Refused(f"a damaged {_name(kind)}: {error or type(error).__name__}") from error
    if upright is None:
        raise Refused(f"an animated {_name(kind)}: one file is one picture; give several as a video")
    pixels = np.asarray(upright)
    return pixels if upright.mode == "L" else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """In mode L or RGB, with what is transparent on black."""
    picture.load()
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGB", rgba.size)
        ground.paste(rgba, mask=rgba.getchannel("A"))
        return ground
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _name(kind: str) -> str:
    return {"image/png": "PNG", "image/webp": "WebP"}[kind]

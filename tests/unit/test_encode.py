"""PNG and WebP into JPEG: what is taken, what it looks like then, what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image
from tests.support.pictures import picture

from ingest.adapters.encode import as_jpeg
from ingest.domain.picture import LARGEST_BYTES, declared_size
from winnow.errors import Refused

RED, HALF = (200, 40, 30), (200, 40, 30, 128)


def encoded(picture: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def mean(image: bytes) -> tuple[int, ...]:
    """Of a JPEG: one number where it is grey, else red, green and blue."""
    with Image.open(io.BytesIO(image), formats=("JPEG",)) as picture:
        pixels = np.asarray(picture)
    return tuple(np.atleast_1d(pixels.mean(axis=(0, 1)).round()).astype(int).tolist())


def plain(mode: str, colour: Any) -> Image.Image:
    return Image.new(mode, (64, 48), colour)


def sixteen_bits(value: int) -> bytes:
    return bytes(cv2.imencode(".png", np.full((48, 64, 3), value, np.uint16))[1])


def palette_with_transparency() -> bytes:
    picture = plain("P", 0)
    picture.putpalette([*RED, 0, 0, 0])
    return encoded(picture, "PNG", transparency=0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (encoded(plain("RGB", RED), "PNG"), RED),
        (encoded(plain("RGB", RED), "WEBP", lossless=True), RED),
        (encoded(plain("RGB", RED), "WEBP", quality=90), RED),
        (encoded(plain("L", 90), "PNG"), (90,)),
        (encoded(plain("1", 1), "PNG"), (255,)),
        (encoded(plain("I;16", 200 << 8), "PNG"), (200,)),
        (sixteen_bits(100 << 8), (100, 100, 100)),
        (encoded(plain("RGB", RED).quantize(4), "PNG"), RED),
        (palette_with_transparency(), (0, 0, 0)),
        (encoded(plain("RGBA", HALF), "PNG"), (100, 20, 15)),
        (encoded(plain("RGBA", HALF), "WEBP", lossless=True), (100, 20, 15)),
        (encoded(plain("LA", (200, 128)), "PNG"), (100, 100, 100)),
    ],
)
def test_pictures_of_every_form_keep_their_colours_and_lie_on_black(image: bytes, expected: tuple[int, ...]) -> None:
    found = mean(as_jpeg(image))
    assert len(found) == len(expected)
    assert all(abs(a - b) <= 4 for a, b in zip(found, expected, strict=True)), found
    assert declared_size(image) == (64, 48)


def test_a_jpeg_is_the_same_object_even_where_it_is_damaged_or_turned() -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for image in (picture(1), picture(1)[:500], encoded(plain("RGB", RED), "JPEG", exif=turned)):
        assert as_jpeg(image) is image


def test_the_same_bytes_give_the_same_jpeg() -> None:
    image = encoded(Image.open(io.BytesIO(picture(3))), "PNG")
    assert as_jpeg(image) == as_jpeg(bytes(bytearray(image)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_turn_in_the_exif_data_is_made(kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(io.BytesIO(as_jpeg(encoded(plain("RGB", RED), kind, exif=exif)))) as found:
        assert found.size == (48, 64)
        assert "exif" not in found.info


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def webp_of(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little") + bytes(40)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8))
FRAMES = [plain("RGB", (n * 60, 0, 0)) for n in range(3)]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (png_of(40_000, 40_000), "40000 x 40000 pixels; a picture has at most 100,000,000"),
        (webp_of(16_000, 16_000), "16000 x 16000 pixels; a picture has at most 100,000,000"),
        (encoded(Image.new("L", (70_000, 10)), "PNG"), "do not become a JPEG"),
        (png_of(64, 48), "a damaged PNG"),
        (webp_of(64, 48), "a damaged WebP"),
        (encoded(NOISE, "PNG")[:-2000], "a damaged PNG"),
        (encoded(NOISE, "WEBP")[:-500], "a damaged WebP"),
        (encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "an animated PNG"),
        (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), "an animated WebP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a damaged PNG: its header holds no size"),
        (b"RIFF\0\0\0\0WEBP", "a damaged WebP: its header holds no size"),
        (b"GIF89a" + bytes(40), "not a JPEG, PNG or WebP (first bytes 47 49 46 38)"),
        (b"", "empty"),
        (b"\xff\xd8\xff" + bytes(LARGEST_BYTES), "at most 33,554,432"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_with_a_sentence(image: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said.replace("(", r"\(").replace(")", r"\)")):
        as_jpeg(image)

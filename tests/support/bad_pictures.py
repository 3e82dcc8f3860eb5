"""Pictures as cameras, networks and attackers spoil them, all made in memory from rendered scenes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image

from winnow_scenes.scene import Scene

SAMPLING = cv2.IMWRITE_JPEG_SAMPLING_FACTOR


@cache
def scene(width: int = 160, height: int = 120) -> np.ndarray:
    """uint8 (height, width, 3) BGR: a yard with something in it."""
    return Scene("yard", 3, width, height, visits_per_minute=10).frame(20)[0]


def jpeg(*form: int, picture: np.ndarray | None = None) -> bytes:
    return bytes(cv2.imencode(".jpg", scene() if picture is None else picture, list(form))[1])


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def exif(orientation: int) -> bytes:
    """A TIFF header with this orientation alone."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def turned(image: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF orientation, which changes no stored pixel."""
    return image[:2] + segment(0xE1, b"Exif\0\0" + exif(orientation)) + image[2:]


def patched(image: bytes, marker: int, at: int, value: bytes) -> bytes:
    """`value` in place of what lies `at` bytes behind the first such marker."""
    position = image.index(bytes((0xFF, marker))) + at
    return image[:position] + value + image[position + len(value) :]


def sized(image: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size declared."""
    return patched(image, 0xC2 if b"\xff\xc2" in image else 0xC0, 5, struct.pack(">HH", height, width))


@cache
def good_jpegs() -> dict[str, bytes]:
    """Every form of JPEG that is read."""
    baseline = jpeg()
    return {
        "baseline": baseline,
        "4:2:0": jpeg(SAMPLING, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        "4:4:4": jpeg(SAMPLING, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        "progressive": jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "restart markers": jpeg(cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
        "grey": jpeg(picture=cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)),
        "EXIF with a thumbnail": baseline[:2] + segment(0xE1, b"Exif\0\0" + exif(1) + baseline) + baseline[2:],
        "EXIF, turned": turned(baseline, 6),
        "reduced to 1/4": jpeg(picture=scene(400, 300)),
    }


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


PNG = b"\x89PNG\r\n\x1a\n"
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png_of(
    width: int, height: int, depth: int, colour: int, body: bytes, *before: bytes, interlaced: bool = False
) -> bytes:
    """A PNG with what it says of itself as given; `before` are chunks in front of the picture."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = (chunk(b"IHDR", head), *before, chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b""))
    return PNG + b"".join(parts)


@cache
def good_pngs() -> dict[str, bytes]:
    """One grey picture in the forms of PNG: each has the same signature but for its bytes' number."""
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    rows = np.pad(grey, ((0, 0), (1, 0)))
    wide = np.pad(np.repeat(grey, 2, axis=1), ((0, 0), (1, 0)))
    passes = [grey[y::dy, x::dx] for y, x, dy, dx in ADAM7]
    palette = chunk(b"PLTE", np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    return {
        "grey": png_of(width, height, 8, 0, rows.tobytes()),
        "16 bits": png_of(width, height, 16, 0, wide.tobytes()),
        "interlaced": png_of(
            width, height, 8, 0, b"".join(np.pad(part, ((0, 0), (1, 0))).tobytes() for part in passes), interlaced=True
        ),
        "palette": png_of(width, height, 8, 3, rows.tobytes(), palette),
        "turned": png_of(width, height, 8, 0, rows.tobytes(), chunk(b"eXIf", exif(6))),
    }


def _saved(form: str, mode: str = "RGB", **how: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(cv2.cvtColor(scene(), cv2.COLOR_BGR2RGB)).convert(mode).save(file, form, **how)
    return file.getvalue()


def _claiming(name: bytes) -> bytes:
    """A whole PNG, with 4 GB claimed by one chunk in front of it."""
    whole = good_pngs()["grey"]
    return whole[:33] + b"\xff\xff\x00\x00" + name + whole[33:]


@cache
def unreadable() -> dict[str, tuple[bytes, str]]:
    """By kind: bytes that give no signature, and how the sentence that says why begins."""
    baseline, progressive = good_jpegs()["baseline"], good_jpegs()["progressive"]
    scan = progressive[progressive.rindex(b"\xff\xda") :][:10]
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(7_900_000), 9))
    return {
        "nothing": (b"", "empty"),
        "text": (b"Low battery, no picture today.\n" * 9, "not a JPEG or PNG"),
        "an error page": (b"<!DOCTYPE html><title>502 Bad Gateway</title>" * 9, "not a JPEG or PNG"),
        "GIF": (_saved("GIF"), "not a JPEG or PNG"),
        "WebP": (_saved("WEBP"), "not a JPEG or PNG"),
        "BMP": (_saved("BMP"), "not a JPEG or PNG"),
        "CMYK": (_saved("JPEG", "CMYK"), "unsupported: JPEG of 4 components"),
        "12 bits": (patched(patched(baseline, 0xC0, 4, b"\x0c"), 0xC0, 0, b"\xff\xc1"), "unsupported: JPEG of 12 bits"),
        "arithmetic coding": (patched(baseline, 0xC0, 0, b"\xff\xc9"), "unsupported: JPEG process 0xc9"),
        "lossless": (patched(baseline, 0xC0, 0, b"\xff\xc3"), "unsupported: JPEG process 0xc3"),
        "JPEG of size zero": (sized(baseline, 0, 0), "zero size"),
        "JPEG of 4 gigapixels": (sized(baseline, 65535, 65535), "too many pixels: 65535x65535"),
        "progressive JPEG of 100 megapixels": (sized(progressive, 10_000, 10_000), "too many pixels: 10000x10000"),
        "JPEG of 100,000 scans": (progressive[:-2] + scan * 100_000 + b"\xff\xd9", "damaged: JPEG with more than 64"),
        "JPEG of 1,000,000 segments": (
            baseline[:2] + segment(0xE5, b"") * 1_000_000 + baseline[2:],
            "damaged: JPEG with more than 1000 segments",
        ),
        "JPEG without tables": (baseline.replace(b"\xff\xdb", b"\xff\xee"), "damaged: the jpeg decoder"),
        "PNG of 1.6 gigapixels": (png_of(40_000, 40_000, 8, 2, b""), "too many pixels: 40000x40000"),
        "PNG of 100 megapixels without data": (png_of(10_000, 10_000, 16, 6, b""), "damaged: the png decoder"),
        "PNG of size zero": (png_of(0, 5, 8, 0, b""), "zero size"),
        "PNG of 2 GB of text": (png_of(9, 9, 8, 0, bytes(90), *[text] * 250), "damaged: PNG with more than 16"),
        "PNG of 200,000 chunks": (
            png_of(9, 9, 8, 0, bytes(90), chunk(b"teSt", b"") * 200_000),
            "damaged: PNG with more than 10000 chunks",
        ),
        "PNG with a chunk of 4 GB": (_claiming(b"IDAT"), "truncated: PNG chunk at byte 33"),
        "PNG with a comment of 4 GB": (_claiming(b"teSt"), "truncated: PNG chunk at byte 33"),
        "PNG with a wrong check sum": (
            good_pngs()["grey"].replace(b"IDAT\x78", b"IDAT\x79", 1),
            "damaged: the png decoder",
        ),
    }


@cache
def odd() -> dict[str, bytes]:
    """By kind: what is strange, and has a signature all the same."""
    baseline = good_jpegs()["baseline"]
    return {
        "4 MB of zeros behind the end": baseline + bytes(4_000_000),
        "4 MB of fill bytes": baseline[:2] + b"\xff" * 4_000_000 + baseline[2:],
        "100 megapixels declared, data for 20,000": sized(baseline, 9_999, 9_999),
        "25 megapixels declared, progressive": sized(good_jpegs()["progressive"], 5_000, 5_000),
        "the data cut off, the end in place": baseline[: len(baseline) // 2] + b"\xff\xd9",
        "no Huffman tables, as in MJPEG": baseline.replace(b"\xff\xc4", b"\xff\xee"),
        "one pixel": jpeg(picture=scene()[:1, :1]),
        "another picture behind it": baseline + baseline,
    }


def mutations(count: int, seed: int = 1) -> Iterator[bytes]:
    """Good pictures with bytes changed, lost, doubled, zeroed or cut off; the same for the same seed."""
    chance = np.random.default_rng(seed)
    whole = [*good_jpegs().values(), *good_pngs().values()]
    for number in range(count):
        image = bytearray(whole[number % len(whole)])
        for _ in range(int(chance.integers(1, 6))):
            at, length = int(chance.integers(0, len(image))), int(chance.integers(1, 200))
            match chance.integers(0, 7):
                case 0:
                    del image[at : at + length]
                case 1:
                    image[at:at] = image[at : at + length]
                case 2:
                    image[at : at + length] = bytes(len(image[at : at + length]))
                case 3:
                    image[at : at + 2] = bytes((0xFF, int(chance.integers(0xC0, 0xFF))))
                case 4 if at > 600:
                    del image[at:-2]
                case _:
                    image[at] = int(chance.integers(0, 256))
        yield bytes(image)

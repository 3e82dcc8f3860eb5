"""The header check: what it reads, what it refuses, and that no bytes can break it."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.domain.image_header import ImageHeader, ImageKind, Unreadable, read_header


def _picture(height: int = 96, width: int = 128) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _encode(extension: str, *parameters: int) -> bytes:
    return cv2.imencode(extension, _picture(), list(parameters))[1].tobytes()


JPEG = _encode(".jpg", cv2.IMWRITE_JPEG_QUALITY, 90)
JPEG_Q75 = _encode(".jpg", cv2.IMWRITE_JPEG_QUALITY, 75)
PROGRESSIVE = _encode(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
PNG = _encode(".png")


def _with_exif(jpeg: bytes, payload: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def _patched(image: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    position = image.index(marker) + offset
    return image[:position] + value + image[position + len(value) :]


def _png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def test_it_reads_kind_size_and_coding() -> None:
    for image, kind, progressive in (
        (JPEG, ImageKind.JPEG, False),
        (PROGRESSIVE, ImageKind.JPEG, True),
        (PNG, ImageKind.PNG, False),
    ):
        header = read_header(image)
        assert isinstance(header, ImageHeader)
        assert (header.kind, header.width, header.height, header.progressive) == (kind, 128, 96, progressive)


def test_the_quantisation_hash_names_the_encoder_quality_and_nothing_else() -> None:
    def tables(image: bytes) -> bytes:
        header = read_header(image)
        assert isinstance(header, ImageHeader)
        return header.quantisation_hash

    other_content = cv2.imencode(".jpg", _picture()[::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    assert tables(JPEG) == tables(other_content) == tables(_with_exif(JPEG, b"Exif\0\0"))
    assert tables(JPEG) != tables(JPEG_Q75)
    assert tables(PNG) == bytes(8)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(40), "not a JPEG or PNG (first bytes 47 49 46 38)"),
        (b"\xff", "not a JPEG or PNG (first bytes ff)"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (JPEG[:-2], "truncated"),
        (JPEG[:30], "truncated"),
        (b"\xff\xd8\xff\xd9", "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (PNG[:20], "truncated"),
        (_patched(JPEG, b"\xff\xc0", 4, b"\x0c"), "unsupported: JPEG of 12 bits"),
        (_patched(JPEG, b"\xff\xc0", 0, b"\xff\xc3"), "unsupported: JPEG process 0xc3"),
        (_patched(JPEG, b"\xff\xc0", 9, b"\x04"), "damaged"),
        (_patched(JPEG, b"\xff\xc0", 5, b"\0\0"), "zero size"),
        (_patched(JPEG, b"\xff\xdb", 2, b"\0\x05"), "damaged"),
        (_png(0, 10), "zero size"),
        (_png(20_000, 20_000), "too many pixels: 20000x20000"),
        (_png(10, 10, depth=3), "unsupported: PNG"),
    ],
)
def test_what_is_no_usable_picture_is_named(image: bytes, reason: str) -> None:
    header = read_header(image)
    assert isinstance(header, Unreadable)
    assert header.reason.startswith(reason)


def test_an_end_marker_inside_an_exif_thumbnail_does_not_end_a_truncated_image() -> None:
    cut = _with_exif(JPEG[: len(JPEG) // 2], b"Exif\0\0" + JPEG_Q75[:4000] + b"\xff\xd9")
    assert isinstance(read_header(cut), Unreadable)


def test_bytes_behind_the_end_marker_are_allowed() -> None:
    assert isinstance(read_header(JPEG + b"camera trailer" * 50), ImageHeader)


def test_the_pixel_limit_is_the_callers() -> None:
    assert isinstance(read_header(JPEG, max_pixels=128 * 96), ImageHeader)
    assert isinstance(read_header(JPEG, max_pixels=128 * 96 - 1), Unreadable)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", PNG[:16], JPEG[:200], JPEG[:-2]]))
def test_any_bytes_give_a_header_or_a_reason(tail: bytes, start: bytes) -> None:
    assert isinstance(read_header(start + tail), ImageHeader | Unreadable)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([JPEG, PROGRESSIVE, PNG]),
    st.lists(st.tuples(st.integers(0, 800), st.integers(0, 255)), max_size=8),
    st.integers(0, 4000),
)
def test_a_damaged_image_gives_a_header_or_a_reason(image: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(image)
    for position, value in changes:
        damaged[position] = value
    assert isinstance(read_header(bytes(damaged[: len(damaged) - cut])), ImageHeader | Unreadable)

"""What a picture file is, by its first bytes, and whether it may be sent."""

from __future__ import annotations

from collections.abc import Iterator

INLINE_LIMIT_BYTES = 900_000
"""Larger images go by reference (the topic takes 2 MiB, a selected frame carries more beside it)."""

LARGEST_BYTES = 32 * 1024 * 1024
"""As large as readers take a referenced image (`WINNOW_REFERENCE_MAX_BYTES`)."""

LARGEST_PIXELS = 100_000_000
"""As many as the selector reads."""

MOST_SEGMENTS = 1000
"""Of a JPEG's header that are looked at; real ones have some dozens."""

END_OF_IMAGE, START_OF_SCAN = 0xD9, 0xDA

_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def content_type(image: bytes) -> str | None:
    """The media type of a JPEG, PNG or WebP, None for everything else."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if image.startswith(magic)), None)


def refusal(image: bytes, size_bytes: int) -> tuple[str, str] | None:
    """Why an image is not taken: a short reason for the metric and a sentence; None where it is.

    Of `image` the first bytes are enough; `size_bytes` is its whole size.
    """
    if not image:
        return "empty", "the file is empty"
    if content_type(image) is None:
        return "not_an_image", f"not a JPEG, PNG or WebP (first bytes {image[:4].hex(' ')})"
    if size_bytes > LARGEST_BYTES:
        return "too_large", f"{size_bytes:,} bytes; an image has at most {LARGEST_BYTES:,}"
    return None


def is_video(beginning: bytes) -> bool:
    """Whether a file is a video by its first 12 bytes: MP4 or MOV, Matroska or WebM, AVI, or an MPEG stream."""
    return (
        beginning[4:8] in (b"ftyp", b"moov", b"mdat")
        or beginning.startswith((b"\x1aE\xdf\xa3", b"\0\0\1\xba"))
        or (beginning[:4] == b"RIFF" and beginning[8:12] == b"AVI ")
    )


def declared_size(image: bytes) -> tuple[int, int] | None:
    """Width and height in pixels by the header of a JPEG, PNG or WebP; None where that holds none.

    Sources: ITU-T T.81, section B.2.2 (frame header); PNG specification, section 11.2.2 (IHDR); WebP container
    specification (VP8X) and RFC 6386, section 9.1 (VP8), WebP lossless bitstream specification, section 3 (VP8L).
    """
    if content_type(image) == "image/jpeg":
        return _jpeg_size(image)
    if content_type(image) == "image/png" and image[12:16] == b"IHDR" and len(image) >= 24:
        return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")
    if content_type(image) != "image/webp" or len(image) < 30:
        return None
    if image[12:16] == b"VP8X":
        return 1 + int.from_bytes(image[24:27], "little"), 1 + int.from_bytes(image[27:30], "little")
    if image[12:16] == b"VP8 " and image[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(image[26:28], "little") & 0x3FFF, int.from_bytes(image[28:30], "little") & 0x3FFF
    if image[12:16] == b"VP8L" and image[20] == 0x2F:
        bits = int.from_bytes(image[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    for marker, at in _segments(image):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(image[at + 5 : at + 7], "big"), int.from_bytes(image[at + 3 : at + 5], "big")
    return None


def without_exif(beginning: bytes) -> bool:
    """Whether a JPEG has no EXIF data for certain: its header is here up to the picture's own data, and none in it.

    Source: Exif 3.0, section 4.5.2 (APP1, beginning with its identifier code).
    """
    if content_type(beginning) != "image/jpeg":
        return False
    marker = 0
    for marker, at in _segments(beginning):
        if marker == 0xE1 and beginning[at + 2 : at + 6] == b"Exif":
            return False
    return marker == START_OF_SCAN


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Markers of a JPEG's header, and where the length that follows each stands; the last is the first scan's.

    Ends without that where the bytes do, or where they are no header.
    """
    at = 2
    for _ in range(MOST_SEGMENTS):
        if jpeg[at : at + 2] == b"\xff\xff":  # fill
            at += 1
            continue
        if jpeg[at : at + 1] != b"\xff" or len(jpeg) < at + 9 or jpeg[at + 1] == END_OF_IMAGE:
            return
        yield jpeg[at + 1], at + 2
        if jpeg[at + 1] == START_OF_SCAN:
            return
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")


def complete(image: bytes) -> bool:
    """Whether a picture has its end, and nobody writes to it any more. What is no picture has none to wait for.

    An end marker of a JPEG before another scan is its thumbnail's.
    """
    kind = content_type(image)
    if kind == "image/jpeg":
        end = image.rfind(b"\xff\xd9")
        return end >= 0 and image.find(b"\xff\xda", end) < 0
    if kind == "image/png":
        return image.rfind(b"IEND") >= 0
    if kind == "image/webp":
        return len(image) >= 8 + int.from_bytes(image[4:8], "little")
    return bool(image)

"""What an image says of itself in its first and last bytes, read without decoding it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

MAX_PIXELS = 100_000_000
"""The default limit: one grey byte a pixel makes 100 MB at full decode."""

BUFFERED_SHARE = 4
"""A JPEG in several scans has a limit so many times smaller: its decoder holds 2 bytes for each of three components."""
MAX_SCANS = 64
"""Each costs a pass over the picture, though it has 20 bytes: 64 of the largest take 3 s. Encoders write 10."""
MAX_SEGMENTS = 1000
"""Of a JPEG's header; real ones, with colour profile and maker notes, have some dozens."""
MAX_CHUNKS = 10_000
"""Of a PNG; encoders write one for each 8 KB, so that 32 MB have 4,000."""
MAX_COMPRESSED_TEXTS = 16
"""Of a PNG; each may take 15 ms to unpack."""

REMEMBERED, REMEMBERED_BYTES = 64, 4096
"""JPEG headers that are kept as read, and the longest: a camera's frames all begin with the same bytes."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMPRESSED_TEXTS = (b"zTXt", b"iTXt")
_PNG_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_SOS_MARKER = b"\xff\xda"
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_SOF_BASELINE, _SOF_EXTENDED, _SOF_PROGRESSIVE = 0xC0, 0xC1, 0xC2
_SOF_ALL = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DQT, _SOS, _EOI_CODE = 0xDB, 0xDA, 0xD9
_FILL = re.compile(rb"\xff*")


class ImageKind(StrEnum):
    """The image formats that are read."""

    JPEG = "jpeg"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Size and coding of one image.

    `quantisation_hash` is 8 bytes of BLAKE2b over the JPEG's quantisation tables in the order of their ids
    (the same encoder at the same quality has the same hash); all zero for PNG.
    """

    kind: ImageKind
    width: int
    height: int
    progressive: bool
    quantisation_hash: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why there is no picture in these bytes; `reason` is a sentence for a person."""

    reason: str


class _Defect(Exception):
    """Ends the parse; its text is the reason."""


def read_header(image: bytes, *, max_pixels: int = MAX_PIXELS) -> ImageHeader | Unreadable:
    """Kind, size and coding of a JPEG or PNG from its bytes alone, or the reason why it cannot be used.

    Looks at the header and for the end; decodes nothing and never raises.
    Sources: ITU-T T.81 annex B (JPEG markers), PNG specification section 5 (chunks).
    """
    try:
        if not image:
            raise _Defect("empty: the image has 0 bytes")
        if image[:3] == b"\xff\xd8\xff":
            header = _read_jpeg(image, max_pixels)
        elif image[:8] == _PNG_SIGNATURE:
            header = _read_png(image)
        else:
            raise _Defect(f"not a JPEG or PNG (first bytes {image[:4].hex(' ')})")
        if header.width == 0 or header.height == 0:
            raise _Defect(f"zero size: {header.width}x{header.height}")
        if header.width * header.height > max_pixels:
            raise _Defect(
                f"too many pixels: {header.width}x{header.height} is "
                f"{header.width * header.height}, the limit is {max_pixels}"
            )
    except _Defect as defect:
        return Unreadable(str(defect))
    return header


def repeated_header(image: bytes) -> bytes:
    """A JPEG's bytes up to its first scan's data, as far as a search can tell; empty for none, or a long header.

    Whatever is read of these bytes alone, and ends where they do, is the same for every image that begins with them.
    """
    marker = image.find(_SOS_MARKER, 0, REMEMBERED_BYTES)
    return b"" if marker < 0 else image[: marker + 2 + int.from_bytes(image[marker + 2 : marker + 4], "big")]


def _read_jpeg(image: bytes, max_pixels: int) -> ImageHeader:
    opening = _remembered(repeated_header(image)) or _read_opening(image)
    # Entropy-coded data stuffs every 0xFF, so an end marker behind the first scan's header is a real one;
    # some cameras append bytes after it, hence the search.
    if image.rfind(_EOI, opening.end) < 0:
        raise _Defect(f"truncated: JPEG of {len(image)} bytes without an end marker")
    if opening.several_scans:
        _check_scans(image, opening.end, opening.header, max_pixels // BUFFERED_SHARE)
    return opening.header


class _Opening(NamedTuple):
    """What a JPEG says before its first scan's data, which begin at `end`."""

    header: ImageHeader
    several_scans: bool
    end: int


@lru_cache(REMEMBERED)
def _remembered(header: bytes) -> _Opening | None:
    """None where the first scan's header does not end with these bytes."""
    try:
        opening = _read_opening(header)
    except _Defect:
        return None
    return opening if opening.end == len(header) else None


def _read_opening(image: bytes) -> _Opening:
    frame: _JpegFrame | None = None
    tables: dict[int, bytes] = {}
    position = len(_SOI)
    for _ in range(MAX_SEGMENTS):
        marker, position = _next_marker(image, position)
        if marker in _STANDALONE:
            continue
        if marker == _EOI_CODE:
            raise _Defect("truncated: JPEG ends before its first scan")
        end = position + int.from_bytes(image[position : position + 2], "big")
        if end < position + 2 or end > len(image):
            raise _Defect(f"truncated: JPEG segment {marker:#04x} at byte {position} runs past the end")
        body = image[position + 2 : end]
        if marker == _DQT:
            _collect_tables(body, tables)
        elif marker in _SOF_ALL:
            if frame is not None:
                raise _Defect("unsupported: JPEG with more than one frame header")
            frame = _frame(marker, body)
        position = end
        if marker == _SOS:
            break
    else:
        raise _Defect(f"damaged: JPEG with more than {MAX_SEGMENTS} segments before its first scan")
    if frame is None:
        raise _Defect("damaged: JPEG scan without a frame header")
    digest = hashlib.blake2b(b"".join(tables[key] for key in sorted(tables)), digest_size=8).digest()
    header = ImageHeader(ImageKind.JPEG, frame.width, frame.height, frame.progressive, digest)
    return _Opening(header, frame.progressive or body[:1] != bytes((frame.components,)), position)


def _check_scans(image: bytes, position: int, header: ImageHeader, max_pixels: int) -> None:
    """Refuses what would take the decoder too much memory or time; `position` is behind the first scan's header."""
    if header.width * header.height > max_pixels:
        raise _Defect(
            f"too many pixels: {header.width}x{header.height} is {header.width * header.height}, "
            f"the limit for a JPEG in several scans is {max_pixels}"
        )
    # Entropy-coded data stuffs every 0xFF, and whatever else looks like a scan's marker is not worth telling apart.
    if image.count(_SOS_MARKER, position) >= MAX_SCANS:
        raise _Defect(f"damaged: JPEG with more than {MAX_SCANS} scans")


def _next_marker(image: bytes, position: int) -> tuple[int, int]:
    """The marker code at `position` (fill bytes skipped) and the position behind it."""
    if image[position : position + 1] != b"\xff":
        if position >= len(image):
            raise _Defect("truncated: JPEG ends inside its header")
        raise _Defect(f"damaged: no JPEG marker at byte {position}")
    position = _FILL.match(image, position).end()  # type: ignore[union-attr]
    if position >= len(image):
        raise _Defect("truncated: JPEG ends inside its header")
    return image[position], position + 1


def _collect_tables(body: bytes, tables: dict[int, bytes]) -> None:
    position = 0
    while position < len(body):
        precision, table_id = body[position] >> 4, body[position] & 15
        end = position + 1 + (128 if precision else 64)
        if precision > 1 or end > len(body):
            raise _Defect("damaged: JPEG quantisation table of a wrong length")
        tables[table_id] = body[position:end]
        position = end


class _JpegFrame(NamedTuple):
    width: int
    height: int
    components: int
    progressive: bool


def _frame(marker: int, body: bytes) -> _JpegFrame:
    if marker not in (_SOF_BASELINE, _SOF_EXTENDED, _SOF_PROGRESSIVE):
        raise _Defect(f"unsupported: JPEG process {marker:#04x} (only Huffman-coded DCT is read)")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise _Defect("damaged: JPEG frame header too short")
    if body[0] != 8:
        raise _Defect(f"unsupported: JPEG of {body[0]} bits a sample (only 8 are read)")
    if body[5] not in (1, 3):
        raise _Defect(f"unsupported: JPEG of {body[5]} components (only 1 and 3 are read)")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return _JpegFrame(width, height, body[5], marker == _SOF_PROGRESSIVE)


def _read_png(image: bytes) -> ImageHeader:
    if len(image) < 33:
        raise _Defect("truncated: PNG ends inside its header")
    if image[8:16] != b"\x00\x00\x00\x0dIHDR":
        raise _Defect("damaged: PNG does not begin with IHDR")
    depth, colour = image[24], image[25]
    if depth not in _PNG_BIT_DEPTHS.get(colour, ()):
        raise _Defect(f"unsupported: PNG of colour type {colour} with {depth} bits")
    _check_chunks(image)
    width, height = int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")
    return ImageHeader(ImageKind.PNG, width, height, image[28] == 1, bytes(8))


def _check_chunks(image: bytes) -> None:
    """Refuses a PNG that is not whole chunks up to its end: the decoder takes as much memory as a chunk says it has."""
    position, texts = len(_PNG_SIGNATURE), 0
    for _ in range(MAX_CHUNKS):
        name = image[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(image[position : position + 4], "big")
        if end > len(image):
            raise _Defect(f"truncated: PNG chunk at byte {position} runs past the end")
        if name == b"IEND":
            return
        texts += name in _COMPRESSED_TEXTS
        if texts > MAX_COMPRESSED_TEXTS:
            raise _Defect(f"damaged: PNG with more than {MAX_COMPRESSED_TEXTS} compressed texts")
        position = end
    raise _Defect(f"damaged: PNG with more than {MAX_CHUNKS} chunks")

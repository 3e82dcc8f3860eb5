"""What the marker segments of a JPEG say about its scans (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from copy import copy
from dataclasses import dataclass

from selector.domain.image_header import MAX_SEGMENTS

BLOCK = 8
"""Samples along a block's side."""
MAX_MCU_BLOCKS = 10
"""T.81 B.2.3: the blocks of one minimum coded unit."""

_SOI = b"\xff\xd8"
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_DHT, _EOI, _SOS, _DQT, _DRI = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD
_APP14 = 0xEE
_SKIPPED = frozenset((*range(0xE0, 0xF0), 0xFE)) - {_APP14}
_FILL = re.compile(rb"\xff+")
_MARKER_BEHIND_DATA = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RGB = (ord("R"), ord("G"), ord("B"))
_YCBCR = 1


class Undecodable(Exception):
    """This decoder leaves the image to another: an unsupported form, or a defect. The text says which."""


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component; its sampling factors are blocks along an MCU's sides."""

    identifier: int
    horizontal: int
    vertical: int
    quantiser: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Size in pixels, and the components with luma first."""

    progressive: bool
    width: int
    height: int
    components: tuple[Component, ...]

    @property
    def mcu_grid(self) -> tuple[int, int]:
        """MCUs (down, across) of a scan of all components."""
        luma = self.components[0]
        return -(-self.height // (BLOCK * luma.vertical)), -(-self.width // (BLOCK * luma.horizontal))

    def block_grid(self, component: Component) -> tuple[int, int]:
        """Blocks (down, across) that hold samples of the picture."""
        luma = self.components[0]
        return (
            -(-self.height * component.vertical // (BLOCK * luma.vertical)),
            -(-self.width * component.horizontal // (BLOCK * luma.horizontal)),
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan's header; its entropy-coded data begin at `begin`.

    `components` are indices into the frame's, `tables` their (DC, AC) Huffman tables as the file writes them:
    16 counts, then the symbols. `first` and `last` are zig-zag indices, `high` and `low` bit positions.
    """

    components: tuple[int, ...]
    tables: tuple[tuple[bytes, bytes], ...]
    first: int
    last: int
    high: int
    low: int
    restart_interval: int
    begin: int


class HeaderReader:
    """Goes from scan to scan. Everything but the forms that are supported raises `Undecodable`."""

    def __init__(self, image: bytes) -> None:
        if image[:2] != _SOI:
            raise Undecodable("no JPEG")
        self._image = image
        self._position = len(_SOI)
        self._frame: Frame | None = None
        self._huffman: dict[int, bytes] = {}
        self._dc_quantisers: dict[int, int] = {}
        self._restart_interval = 0

    def of(self, image: bytes) -> HeaderReader:
        """A reader of an image that is the same as far as this one has come."""
        other = copy(self)
        other._image = image
        other._huffman, other._dc_quantisers = dict(self._huffman), dict(self._dc_quantisers)
        return other

    @property
    def frame(self) -> Frame:
        """The frame's header; there is one in front of each scan."""
        if self._frame is None:
            raise Undecodable("a scan without a frame")
        return self._frame

    def dc_quantiser(self, component: Component) -> int:
        """The quantisation step of the DC coefficient, 1..32767."""
        step = self._dc_quantisers.get(component.quantiser, 0)
        if not 0 < step < 1 << 15:
            raise Undecodable("no quantisation table")
        return step

    def skip_data(self) -> None:
        """Goes past the entropy-coded data of the last scan."""
        found = _MARKER_BEHIND_DATA.search(self._image, self._position)
        if found is None:
            raise Undecodable("no marker behind a scan")
        self._position = found.start()

    def seek(self, position: int) -> None:
        """Goes on at the marker that begins at `position`."""
        self._position = position

    def next_scan(self) -> Scan | None:
        """The header of the next scan; None at the end of the image."""
        for _ in range(MAX_SEGMENTS):
            marker, begin, end = self._segment()
            if marker == _EOI:
                return None
            if marker in _SKIPPED:
                continue
            body = self._image[begin:end]
            if marker == _SOS:
                return self._scan(body, end)
            if marker == _DHT:
                self._read_huffman(body)
            elif marker == _DQT:
                self._read_quantisers(body)
            elif marker in (_BASELINE, _EXTENDED, _PROGRESSIVE) and self._frame is None:
                self._frame = _frame(body, progressive=marker == _PROGRESSIVE)
            elif marker == _DRI and len(body) == 2:
                self._restart_interval = int.from_bytes(body, "big")
            elif marker == _APP14:
                _check_colours(body)
            else:
                raise Undecodable(f"marker {marker:#04x}")
        raise Undecodable("too many segments")

    def _segment(self) -> tuple[int, int, int]:
        """Marker code, begin and end of the body; the position goes behind it."""
        fill = _FILL.match(self._image, self._position)
        if fill is None or fill.end() >= len(self._image):
            raise Undecodable("no marker")
        marker, begin = self._image[fill.end()], fill.end() + 1
        if marker == _EOI:
            return marker, begin, begin
        length = int.from_bytes(self._image[begin : begin + 2], "big")
        self._position = begin + length
        if length < 2 or self._position > len(self._image):
            raise Undecodable("a segment runs past the end")
        return marker, begin + 2, self._position

    def _read_huffman(self, body: bytes) -> None:
        while body:
            count = sum(body[1:17])
            if len(body) < 17 + count:
                raise Undecodable("a Huffman table is cut off")
            self._huffman[body[0]], body = body[1 : 17 + count], body[17 + count :]

    def _read_quantisers(self, body: bytes) -> None:
        while body:
            size = 128 if body[0] >> 4 else 64
            if len(body) < 1 + size:
                raise Undecodable("a quantisation table is cut off")
            self._dc_quantisers[body[0] & 15] = int.from_bytes(body[1 : 1 + size // 64], "big")
            body = body[1 + size :]

    def _scan(self, body: bytes, begin: int) -> Scan:
        identifiers = [component.identifier for component in self.frame.components]
        count = body[0] if body else 0
        if not 1 <= count <= len(identifiers) or len(body) != 4 + 2 * count:
            raise Undecodable("a scan header of a wrong length")
        try:
            components = tuple(identifiers.index(identifier) for identifier in body[1 : 1 + 2 * count : 2])
        except ValueError:
            raise Undecodable("a scan of an unknown component") from None
        tables = tuple(
            (self._huffman.get(ids >> 4, b""), self._huffman.get(16 | ids & 15, b""))
            for ids in body[2 : 2 + 2 * count : 2]
        )
        first, last, bits = body[-3:]
        return Scan(components, tables, first, last, bits >> 4, bits & 15, self._restart_interval, begin)


def _frame(body: bytes, *, progressive: bool) -> Frame:
    if len(body) < 6 or body[5] not in (1, 3) or len(body) != 6 + 3 * body[5]:
        raise Undecodable("a frame header of a wrong length, or of other than 1 or 3 components")
    precision, height, width = struct.unpack_from(">BHH", body)
    if precision != 8 or not height or not width:
        raise Undecodable("samples of other than 8 bits, or no size")
    components = tuple(
        Component(identifier, factors >> 4, factors & 15, quantiser)
        for identifier, factors, quantiser in struct.iter_unpack("BBB", body[6:])
    )
    if len(components) == 1:
        # T.81 A.2.2: an MCU of one component is one block, whatever its sampling factors.
        components = (Component(components[0].identifier, 1, 1, components[0].quantiser),)
    identifiers = tuple(component.identifier for component in components)
    if len(set(identifiers)) != len(identifiers) or identifiers == _RGB:
        raise Undecodable("no luma component")
    luma = components[0]
    if any(not 1 <= c.horizontal <= luma.horizontal or not 1 <= c.vertical <= luma.vertical for c in components):
        raise Undecodable("luma that is sampled more coarsely than chroma")
    if luma.horizontal > 4 or luma.vertical > 4 or sum(c.horizontal * c.vertical for c in components) > MAX_MCU_BLOCKS:
        raise Undecodable("sampling factors out of range")
    return Frame(progressive, width, height, components)


def _check_colours(body: bytes) -> None:
    """An Adobe marker may say that three components are not YCbCr."""
    if body.startswith(b"Adobe") and (len(body) < 12 or body[11] != _YCBCR):
        raise Undecodable("colours other than YCbCr")

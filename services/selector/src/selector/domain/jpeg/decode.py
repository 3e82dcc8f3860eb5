"""A JPEG's picture at an eighth of its size, from the DC coefficients alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from selector.domain.image_header import REMEMBERED, repeated_header
from selector.domain.jpeg.blocks import Blocks, ScanPlan, decode_scan
from selector.domain.jpeg.headers import BLOCK, HeaderReader, Scan, Undecodable
from selector.domain.jpeg.huffman import HuffmanTables
from selector.domain.jpeg.layout import Layout
from selector.domain.jpeg.planes import Plane, grey_levels, moments
from selector.domain.jpeg.scans import Progress

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class DcImage:
    """One value a block of 8x8 luma samples; arrays are (ceil(height / 8), ceil(width / 8)), orientation ignored.

    `luma` is uint8, the block's mean as libjpeg has it at scale 1/8. `ac_bits` is uint16, the bits spent on the
    block's AC coefficients with the end of the block; `last_index` uint8, the zig-zag index of the last one that
    is coded, 0 for none. Both are None for progressive JPEGs, of which only DC scans are decoded.
    `chroma_means` and `chroma_spreads` are mean and standard deviation of the block means of Cb and Cr, in
    levels from the neutral one; 0 for a grey JPEG.
    """

    luma: npt.NDArray[np.uint8]
    ac_bits: npt.NDArray[np.uint16] | None
    last_index: npt.NDArray[np.uint8] | None
    chroma_means: tuple[float, float]
    chroma_spreads: tuple[float, float]


def decode_dc(image: bytes) -> DcImage | None:
    """The DC image of a JPEG; None for what another decoder has to look at. Never raises for what the bytes are.

    Decodes Huffman-coded baseline, extended and progressive JPEGs of 8 bits, grey or YCbCr with luma sampled
    most finely. None for anything else and for any defect that shows: nothing is guessed. AC scans of a
    progressive JPEG are not looked at. Takes memory for the blocks that the header claims, up to 80 bytes for each
    byte of the image: limit its pixels before. Releases the GIL where time is spent.
    """
    try:
        return _decode(image)
    except Undecodable:
        return None


def _decode(image: bytes) -> DcImage:
    opening = _remembered(repeated_header(image)) or _open(image)
    reader, layout = opening.reader.of(image), opening.layout
    coefficients = _Coefficients(image, layout)
    progress = Progress(len(layout.planes), progressive=layout.frame.progressive)
    scan: Scan | None = opening.scan
    while scan is not None:
        progress.enter(scan)
        if scan.first == 0:
            plan = opening.plan if scan is opening.scan else layout.plan(scan)
            reader.seek(coefficients.decode(scan.begin, *plan))
        else:
            reader.skip_data()
        scan = reader.next_scan()
    progress.check_complete()
    return coefficients.picture([reader.dc_quantiser(component) for component in layout.frame.components])


@dataclass(frozen=True, slots=True)
class _Opening:
    """A JPEG up to its first scan's data; `reader` stands there."""

    reader: HeaderReader
    scan: Scan
    layout: Layout
    plan: tuple[ScanPlan, HuffmanTables]


@lru_cache(REMEMBERED)
def _remembered(header: bytes) -> _Opening | None:
    """None where the first scan's header does not end with these bytes."""
    try:
        opening = _open(header)
    except Undecodable:
        return None
    return opening if opening.scan.begin == len(header) else None


def _open(image: bytes) -> _Opening:
    reader = HeaderReader(image)
    scan = reader.next_scan()
    if scan is None:
        raise Undecodable("no scan")
    layout = Layout.of(reader.frame)
    return _Opening(reader, scan, layout, layout.plan(scan))


class _Coefficients:
    """What is decoded of each block."""

    def __init__(self, image: bytes, layout: Layout) -> None:
        if layout.blocks > 8 * len(image):
            raise Undecodable("more blocks than bits")
        self._image = np.frombuffer(image, np.uint8)
        self._planes = layout.planes
        of_ac = 0 if layout.frame.progressive else layout.blocks
        self._blocks = Blocks(
            dc=np.empty(layout.blocks, np.int16),
            ac_bits=np.empty(of_ac, np.uint16),
            last_index=np.empty(of_ac, np.uint8),
        )

    def decode(self, begin: int, plan: ScanPlan, tables: HuffmanTables) -> int:
        """Decodes the scan's blocks; the position of the marker behind them."""
        behind = decode_scan(self._image, begin, plan, tables, self._blocks)
        if behind < 0:
            raise Undecodable("damaged data, without an end, or restart markers out of order")
        return behind

    def picture(self, steps: list[int]) -> DcImage:
        """The picture, dequantised with each component's step."""
        luma, *chroma = self._planes
        levels, in_range = grey_levels(self._blocks.dc, luma, steps[0])
        if not in_range:
            raise Undecodable("grey levels far out of range")
        colours = [moments(self._blocks.dc, plane) for plane in chroma] or [(0.0, 0.0)] * 2
        scales = [step / BLOCK for step in steps[1:]] or [1.0] * 2
        return DcImage(
            luma=levels,
            ac_bits=_picture_part(self._blocks.ac_bits, luma),
            last_index=_picture_part(self._blocks.last_index, luma),
            chroma_means=(colours[0][0] * scales[0], colours[1][0] * scales[1]),
            chroma_spreads=(colours[0][1] * scales[0], colours[1][1] * scales[1]),
        )


def _picture_part(values: npt.NDArray[_Value], luma: Plane) -> npt.NDArray[_Value] | None:
    if not values.size:
        return None
    stored = values[: luma.rows * luma.stride].reshape(luma.rows, luma.stride)
    return np.ascontiguousarray(stored[:, : luma.columns])

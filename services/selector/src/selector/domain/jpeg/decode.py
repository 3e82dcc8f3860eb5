"""A JPEG's picture at an eighth of its size, from the DC coefficients alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from selector.domain.jpeg.blocks import Blocks, ScanPlan, decode_blocks
from selector.domain.jpeg.entropy import unstuff
from selector.domain.jpeg.headers import BLOCK, Frame, HeaderReader, Scan, Undecodable
from selector.domain.jpeg.huffman import huffman_tables
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
    reader = HeaderReader(image)
    scan = reader.next_scan()
    frame = reader.frame
    coefficients = _Coefficients(image, frame)
    progress = Progress(len(frame.components), progressive=frame.progressive)
    while scan is not None:
        progress.enter(scan)
        if scan.first == 0:
            reader.seek(coefficients.decode(scan))
        else:
            reader.skip_data()
        scan = reader.next_scan()
    progress.check_complete()
    return coefficients.picture([reader.dc_quantiser(component) for component in frame.components])


class _Coefficients:
    """The blocks of all components, one component after the other."""

    def __init__(self, image: bytes, frame: Frame) -> None:
        self._image = np.frombuffer(image, np.uint8)
        self._frame = frame
        down, across = frame.mcu_grid
        sizes = [down * across * c.vertical * c.horizontal for c in frame.components]
        if sum(sizes) > 8 * len(image):
            raise Undecodable("more blocks than bits")
        self._planes = [
            Plane(first, across * component.horizontal, *frame.block_grid(component))
            for first, component in zip(accumulate(sizes, initial=0), frame.components, strict=False)
        ]
        has_ac = not frame.progressive
        self._blocks = Blocks(
            dc=np.empty(sum(sizes), np.int16),
            ac_bits=np.empty(sum(sizes) if has_ac else 0, np.uint16),
            last_index=np.empty(sum(sizes) if has_ac else 0, np.uint8),
        )

    def decode(self, scan: Scan) -> int:
        """Decodes the scan's blocks; the position of the marker behind them."""
        rows, columns = self._grid(scan)
        interval = scan.restart_interval or rows * columns
        entropy = unstuff(self._image, scan.begin, -(-rows * columns // interval))
        if entropy.behind < 0:
            raise Undecodable("restart markers out of order, or data without an end")
        pairs = tuple(dict.fromkeys(scan.tables))
        units = np.array(list(self._units(scan, pairs)), np.int64)
        plan = ScanPlan(rows, columns, interval, units, scan.high, scan.low)
        if not decode_blocks(entropy, plan, huffman_tables(pairs), self._blocks):
            raise Undecodable("damaged data")
        return int(entropy.behind)

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

    def _grid(self, scan: Scan) -> tuple[int, int]:
        """MCUs (down, across): of a scan of one component they are its blocks, and only those of the picture."""
        if len(scan.components) > 1:
            return self._frame.mcu_grid
        plane = self._planes[scan.components[0]]
        return plane.rows, plane.columns

    def _units(self, scan: Scan, pairs: tuple[tuple[bytes, bytes], ...]) -> Iterator[tuple[int, int, int, int, int]]:
        """The blocks of an MCU as `decode_blocks` takes them."""
        for place, (component, tables) in enumerate(zip(scan.components, scan.tables, strict=True)):
            across, down = 1, 1
            if len(scan.components) > 1:
                across, down = self._frame.components[component].horizontal, self._frame.components[component].vertical
            plane = self._planes[component]
            for row in range(down):
                for column in range(across):
                    block = plane.first + row * plane.stride + column
                    yield place, pairs.index(tables), block, across, down * plane.stride


def _picture_part(values: npt.NDArray[_Value], luma: Plane) -> npt.NDArray[_Value] | None:
    if not values.size:
        return None
    stored = values[: luma.rows * luma.stride].reshape(luma.rows, luma.stride)
    return np.ascontiguousarray(stored[:, : luma.columns])

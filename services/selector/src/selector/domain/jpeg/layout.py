"""Where a frame's blocks lie, and in which order a scan brings them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from selector.domain.jpeg.blocks import ScanPlan
from selector.domain.jpeg.headers import Frame, Scan
from selector.domain.jpeg.huffman import HuffmanTables, huffman_tables
from selector.domain.jpeg.planes import Plane


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of all components, one component after the other."""

    frame: Frame
    planes: tuple[Plane, ...]
    blocks: int

    @classmethod
    def of(cls, frame: Frame) -> Layout:
        down, across = frame.mcu_grid
        sizes = [down * across * c.vertical * c.horizontal for c in frame.components]
        planes = tuple(
            Plane(first, across * component.horizontal, *frame.block_grid(component))
            for first, component in zip(accumulate(sizes, initial=0), frame.components, strict=False)
        )
        return cls(frame, planes, sum(sizes))

    def plan(self, scan: Scan) -> tuple[ScanPlan, HuffmanTables]:
        """What `decode_scan` needs. Raises `Undecodable` where a table is none."""
        rows, columns = self._grid(scan)
        pairs = tuple(dict.fromkeys(scan.tables))
        units: npt.NDArray[np.int64] = np.array(list(self._units(scan, pairs)), np.int64)
        interval = scan.restart_interval or rows * columns
        return ScanPlan(rows, columns, interval, units, scan.high, scan.low), huffman_tables(pairs)

    def _grid(self, scan: Scan) -> tuple[int, int]:
        """MCUs (down, across): of a scan of one component they are its blocks, and only those of the picture."""
        if len(scan.components) > 1:
            return self.frame.mcu_grid
        plane = self.planes[scan.components[0]]
        return plane.rows, plane.columns

    def _units(self, scan: Scan, pairs: tuple[tuple[bytes, bytes], ...]) -> Iterator[tuple[int, int, int, int, int]]:
        """The blocks of an MCU as `decode_scan` takes them."""
        for place, (component, tables) in enumerate(zip(scan.components, scan.tables, strict=True)):
            across, down = 1, 1
            if len(scan.components) > 1:
                across, down = self.frame.components[component].horizontal, self.frame.components[component].vertical
            plane = self.planes[component]
            for row in range(down):
                for column in range(across):
                    block = plane.first + row * plane.stride + column
                    yield place, pairs.index(tables), block, across, down * plane.stride

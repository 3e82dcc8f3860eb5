"""The grids of a picture: means and steps of its grey levels, and what its JPEG spent on detail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

LUMA_SHAPE = (30, 40)
DETAIL_SHAPE = (15, 20)

_SATURATED = 251
_LOG2_UNIT = 1 << 20
_MOST_BITS = 2047
"""A block's AC coefficients take at most 63 times 26 bits and the block's end."""


def grey_grids(
    grey: npt.NDArray[np.uint8], width: int, height: int, factor: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], float, float]:
    """Luma means uint8 (30, 40), gradient grid uint8 (15, 20), mean log luma and saturated share of a grey picture.

    `grey` is uint8 (ceil(height / factor), ceil(width / factor)): of its last row and column only what lies within
    `width` and `height` counts, so that a copy of another size has the same grid.
    """
    luma, gradient, log_luma, saturated = _grey_grids(grey, width, height, factor, _LOG2_LUMA)
    return luma, gradient, float(log_luma), float(saturated)


def detail_grid(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8] | None:
    """The largest AC bits of a tile's blocks as `round(8*log2(1+bits))`, uint8 (15, 20).

    `bits` is uint16 (rows, columns), a value a block; None for a picture of fewer blocks than tiles.
    """
    if bits.shape[0] < DETAIL_SHAPE[0] or bits.shape[1] < DETAIL_SHAPE[1]:
        return None
    grid: npt.NDArray[np.uint8] = _LOG2_BITS[_largest_bits(bits)]
    return grid


@njit(nogil=True, cache=True)
def _largest_bits(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """The largest of each tile; a block belongs to the tile that its upper left corner lies in."""
    rows, columns = bits.shape
    largest = np.zeros(DETAIL_SHAPE, np.uint16)
    band = np.empty(columns, np.uint16)
    for tile_row in range(DETAIL_SHAPE[0]):
        first = -(-tile_row * rows // DETAIL_SHAPE[0])
        band[:] = bits[first]
        for y in range(first + 1, -(-(tile_row + 1) * rows // DETAIL_SHAPE[0])):
            line = bits[y]
            for x in range(columns):
                band[x] = max(band[x], line[x])
        for tile in range(DETAIL_SHAPE[1]):
            begin = -(-tile * columns // DETAIL_SHAPE[1])
            for x in range(begin, -(-(tile + 1) * columns // DETAIL_SHAPE[1])):
                largest[tile_row, tile] = max(largest[tile_row, tile], min(band[x], np.uint16(_MOST_BITS)))
    return largest


@njit(nogil=True, cache=True)
def _grey_grids(
    grey: npt.NDArray[np.uint8], width: int, height: int, factor: int, log2_luma: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], float, float]:
    """As `grey_grids`. A pixel on a cell's border counts by the share of it that lies inside.

    Sums are integers, hence the same on every machine: a cell is `width` units wide and `height` high, a pixel of
    `grey` 40 and 30 times `factor`.
    """
    rows, columns = grey.shape
    luma = np.zeros(LUMA_SHAPE, np.int64)
    gradient = np.zeros(LUMA_SHAPE, np.int64)
    luma_band = np.zeros(columns, np.int32)
    gradient_band = np.zeros(columns, np.int32)
    steps = np.empty(columns, np.int32)
    ends = np.arange(LUMA_SHAPE[1] + 1) * width
    units = LUMA_SHAPE[1] * factor
    whole = ends // units
    parts = ends % units
    log_luma = np.int64(0)
    saturated = np.int64(0)
    for y in range(rows):
        line = grey[y]
        _absolute_steps(line, grey[min(y + 1, rows - 1)], steps)
        for x in range(columns):
            log_luma += log2_luma[line[x]]
        for x in range(columns):
            saturated += np.int64(line[x] >= _SATURATED)
        top = y * factor * LUMA_SHAPE[0]
        bottom = min((y + 1) * factor, height) * LUMA_SHAPE[0]
        row = top // height
        while top < bottom:
            cell_end = min((row + 1) * height, bottom)
            _add_weighted(luma_band, line, cell_end - top)
            _add_weighted(gradient_band, steps, cell_end - top)
            if cell_end == (row + 1) * height:
                _sum_cells(luma_band, whole, parts, units, luma[row])
                _sum_cells(gradient_band, whole, parts, units, gradient[row])
                luma_band[:] = 0
                gradient_band[:] = 0
            top = cell_end
            row += 1
    area = width * height
    return (
        _rounded_means(luma, area),
        _detail(gradient, area),
        log_luma / (_LOG2_UNIT * grey.size),
        saturated / grey.size,
    )


@njit(nogil=True, cache=True)
def _absolute_steps(line: npt.NDArray[np.uint8], below: npt.NDArray[np.uint8], steps: npt.NDArray[np.int32]) -> None:
    """|dx|+|dy| to the right and lower neighbours of a line's pixels; 0 towards the picture's end."""
    width = line.size
    right = line[1:]  # a slice, since numba tests line[x + 1] for a negative index
    for x in range(width - 1):
        here = np.int32(line[x])
        steps[x] = abs(np.int32(right[x]) - here) + abs(np.int32(below[x]) - here)
    steps[width - 1] = abs(np.int32(below[width - 1]) - np.int32(line[width - 1]))


@njit(nogil=True, cache=True)
def _add_weighted(band: npt.NDArray[np.int32], line: npt.NDArray[np.integer[Any]], weight: int) -> None:
    """A band's sums stay below 510 times the picture's height."""
    factor = np.int32(weight)
    for x in range(band.size):
        band[x] += factor * np.int32(line[x])


@njit(nogil=True, cache=True)
def _sum_cells(
    band: npt.NDArray[np.int32],
    whole: npt.NDArray[np.int64],
    parts: npt.NDArray[np.int64],
    units: int,
    sums: npt.NDArray[np.int64],
) -> None:
    """Sums of a band over equal cells: cell `i` ends `parts[i + 1]` of `units` into pixel `whole[i + 1]`."""
    for column in range(sums.size):
        first, last = whole[column], whole[column + 1]
        total = np.int64(0)
        for x in range(first, last):
            total += np.int64(band[x])
        total *= units
        total -= parts[column] * np.int64(band[first])
        if last < band.size:
            total += parts[column + 1] * np.int64(band[last])
        sums[column] = total


@njit(nogil=True, cache=True)
def _rounded_means(sums: npt.NDArray[np.int64], area: int) -> npt.NDArray[np.uint8]:
    means = np.empty(sums.shape, np.uint8)
    divisor = 2.0 * area
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            # Exact: a quotient below an integer is so by 1 / divisor at least, and below 2**53 / divisor.
            means[y, x] = np.uint8(np.int32((2 * sums[y, x] + area) / divisor))
    return means


@njit(nogil=True, cache=True)
def _detail(sums: npt.NDArray[np.int64], area: int) -> npt.NDArray[np.uint8]:
    detail = np.empty((sums.shape[0] // 2, sums.shape[1] // 2), np.uint8)
    for y in range(detail.shape[0]):
        for x in range(detail.shape[1]):
            above, below = sums[2 * y], sums[2 * y + 1]
            total = above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1]
            detail[y, x] = int(8.0 * math.log2(1.0 + total / (4.0 * area)) + 0.5)
    return detail


_LOG2_LUMA = np.array([round(_LOG2_UNIT * math.log2(1 + level)) for level in range(256)], np.int32)
_LOG2_BITS = np.array([round(8 * math.log2(1 + bits)) for bits in range(_MOST_BITS + 1)], np.uint8)

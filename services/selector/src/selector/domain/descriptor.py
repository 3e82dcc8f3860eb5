"""DCT144: the coarse form of a luma grid, compared by cosine distance to find candidates quickly."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.grids import LUMA_SHAPE

_Number = TypeVar("_Number", bound=np.generic)

DESCRIPTOR_SIZE = 144
_LOW = 12
_GRID = 32
_PEDESTAL = 1.0
"""Grey levels, as the standard deviation of a structure that every picture shares; it takes the place of the
dropped DC, so that a flat picture has a direction, and noise of less than a level does not set it."""


def _transform(cells: int) -> npt.NDArray[np.float64]:
    """float64 (12, cells): linear resampling of `cells` means to 32, then the first rows of the DCT-II."""
    resample = np.zeros((_GRID, cells))
    for target in range(_GRID):
        centre = (target + 0.5) * cells / _GRID - 0.5
        left = math.floor(centre)
        share = centre - left
        resample[target, max(left, 0)] += 1.0 - share
        resample[target, min(left + 1, cells - 1)] += share
    dct = np.empty((_LOW, _GRID))
    for k in range(_LOW):
        for i in range(_GRID):
            dct[k, i] = math.sqrt((1.0 if k == 0 else 2.0) / _GRID) * math.cos(math.pi * k * (2 * i + 1) / (2 * _GRID))
    product = np.zeros((_LOW, cells))
    for i in range(_GRID):  # in this order on every machine, which a BLAS product would not promise
        product += dct[:, i : i + 1] * resample[i]
    return product


_VERTICAL = _transform(LUMA_SHAPE[0])
_HORIZONTAL = np.ascontiguousarray(_transform(LUMA_SHAPE[1]).T)


def describe(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """DCT144 of a uint8 (30, 40) luma grid: float32 (144,) of length 1.

    The 12x12 low frequencies of a 32x32 DCT without its DC, which makes it blind to brightness and, by the
    length of 1, to contrast.
    """
    descriptor: npt.NDArray[np.float32] = _describe(_frozen(luma), _VERTICAL, _HORIZONTAL)
    return descriptor


def cosine_distances(descriptor: npt.NDArray[np.float32], ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """1 - cosine of a (144,) descriptor to each row of a C-contiguous float32 (n, 144): float32 (n,), 0..2."""
    distances: npt.NDArray[np.float32] = _cosine_distances(_frozen(descriptor), _frozen(ring))
    return distances


def _frozen(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """A read-only C-contiguous view: numba compiles anew for each layout and for writable arrays."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@njit(nogil=True, cache=True)
def _describe(
    luma: npt.NDArray[np.uint8], vertical: npt.NDArray[np.float64], horizontal: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    rows, columns = luma.shape
    half = np.zeros((12, columns))
    for k in range(12):
        for y in range(rows):
            weight = vertical[k, y]
            for x in range(columns):
                half[k, x] += weight * luma[y, x]
    low = np.zeros((12, 12))
    for k in range(12):
        for x in range(columns):
            value = half[k, x]
            for j in range(12):
                low[k, j] += value * horizontal[x, j]
    low[0, 0] = _GRID * _PEDESTAL
    squares = 0.0
    for k in range(12):
        for j in range(12):
            squares += low[k, j] * low[k, j]
    scale = 1.0 / math.sqrt(squares)
    descriptor = np.empty(144, np.float32)
    for k in range(12):
        for j in range(12):
            descriptor[12 * k + j] = low[k, j] * scale
    return descriptor


@njit(nogil=True, cache=True)
def _cosine_distances(descriptor: npt.NDArray[np.float32], ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Eight running sums a row: a fixed order of addition that still fills the processor's pipeline."""
    distances = np.empty(ring.shape[0], np.float32)
    for row in range(ring.shape[0]):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0.0)
        for k in range(0, 144, 8):
            s0 += descriptor[k] * ring[row, k]
            s1 += descriptor[k + 1] * ring[row, k + 1]
            s2 += descriptor[k + 2] * ring[row, k + 2]
            s3 += descriptor[k + 3] * ring[row, k + 3]
            s4 += descriptor[k + 4] * ring[row, k + 4]
            s5 += descriptor[k + 5] * ring[row, k + 5]
            s6 += descriptor[k + 6] * ring[row, k + 6]
            s7 += descriptor[k + 7] * ring[row, k + 7]
        total = ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
        distances[row] = max(np.float32(1.0) - total, np.float32(0.0))
    return distances

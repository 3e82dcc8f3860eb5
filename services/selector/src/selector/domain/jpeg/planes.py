"""Decoded DC coefficients as a picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit


class Plane(NamedTuple):
    """Where a component's blocks lie: index of the first, blocks stored in a row, rows and columns of the picture."""

    first: int
    stride: int
    rows: int
    columns: int


@njit(nogil=True, cache=True)
def grey_levels(dc: npt.NDArray[np.int16], plane: Plane, step: int) -> tuple[npt.NDArray[np.uint8], bool]:
    """Block means, uint8 (rows, columns), of coefficients quantised by `step`; False where one is out of range.

    A mean is an eighth of the dequantised coefficient, halves rounded up, 128 added and clipped. libjpeg wraps
    what is four times too large instead, and such a picture is left to it.
    """
    levels = np.empty((plane.rows, plane.columns), np.uint8)
    outside = np.int32(0)
    for row in range(plane.rows):
        begin = plane.first + row * plane.stride
        coefficients = dc[begin : begin + plane.columns]
        line = levels[row]
        for column in range(plane.columns):
            level = (np.int32(coefficients[column]) * np.int32(step) + np.int32(4)) >> np.int32(3)
            outside |= (level + np.int32(512)) >> np.int32(10)
            line[column] = min(max(level + np.int32(128), np.int32(0)), np.int32(255))
    return levels, bool(outside == 0)


@njit(nogil=True, cache=True)
def moments(dc: npt.NDArray[np.int16], plane: Plane) -> tuple[float, float]:
    """Mean and standard deviation of a plane's coefficients. Integer sums: the same on every machine."""
    total = squares = np.int64(0)
    for row in range(plane.rows):
        begin = plane.first + row * plane.stride
        for value in dc[begin : begin + plane.columns]:
            total += np.int64(value)
            squares += np.int64(value) * np.int64(value)
    count = plane.rows * plane.columns
    mean = float(total / count)
    return mean, max(float(squares / count) - mean * mean, 0.0) ** 0.5

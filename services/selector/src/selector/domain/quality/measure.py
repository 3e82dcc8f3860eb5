"""What a picture's detail says beside what a camera usually has: compiled, since it is done for every frame."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.grids import DETAIL_SHAPE

UNIT = 512
"""Steps of a reference's numbers in a step of the signature's grids, of which eight are a factor of two."""

OCTAVE = 8 * UNIT

EDGE = 16
"""The least gradient, in the grid's steps, of a tile that has an edge: three grey levels a pixel of the 1/8 picture."""

LEAST_EDGES = 24
"""Tiles with edges that a reference needs before anything is said of its contrast."""

EXPLAINED = 0.6
"""Of a loss of contrast, this much is expected of AC bits, too: fog and a short exposure are no blur."""

_SUPERTILES = (6, 8)
_ROWS, _COLUMNS = DETAIL_SHAPE
_STEPS = 128
"""More than the largest value of a detail grid."""

_Grid = npt.NDArray[np.uint8]
_Usual = npt.NDArray[np.uint16]
_Visible = npt.NDArray[np.bool_]


class Detail(NamedTuple):
    """A picture's detail beside a reference, in factors of two: 0 is as usual, -1 half of it.

    `focus`: 80th percentile of AC bits over the 30 % of the tiles with most, less what the loss of contrast explains;
    None without AC bits. `visibility` and `typical`: 20th percentile and median, over 6x8 supertiles, of contrast in
    the half of the tiles with most, for the brightness that the picture has. `clearest`: 80th percentile of contrast
    over the strongest 30 %. These three are None where the reference has too few edges. `pattern`: correlation of where
    detail is. `keenest`: 97th percentile of AC bits wherever they are, less that of the usual ones; None as `focus`.
    """

    focus: float | None
    visibility: float | None
    typical: float | None
    clearest: float | None
    pattern: float
    keenest: float | None


def compare_detail(
    gradient: _Grid, usual_gradient: _Usual, visible: _Visible, *, brighter: int, ac_bits: tuple[_Grid, _Usual] | None
) -> Detail:
    """Grids of a picture, uint8 (15, 20), beside the usual ones, uint16 in `UNIT`s; masked tiles do not count.

    `brighter` is the mean log luma less the usual one in 4096ths; `ac_bits` both of AC bits, None if not comparable.
    """
    focus = visibility = typical = clearest = keenest = None
    edges, low, middle = _contrast(gradient, usual_gradient, visible)
    if edges >= LEAST_EDGES:
        visibility, typical = (low - brighter) / OCTAVE, (middle - brighter) / OCTAVE
        clearest = _clearest(gradient, usual_gradient, visible) / OCTAVE
    if ac_bits is not None:
        focus = _clearest(*ac_bits, visible) / OCTAVE - EXPLAINED * min(0.0, clearest or 0.0)
        keenest = _keenest(*ac_bits, visible) / 8
    return Detail(focus, visibility, typical, clearest, correlation(gradient, usual_gradient, visible), keenest)


def noisier(ac_bits: _Grid, usual: _Usual, visible: _Visible) -> float:
    """How much more AC bits than usual there are where usually are fewest, in factors of two.

    The median over the weaker half of the visible tiles: a sensor's gain raises it, and what is seen hardly.
    """
    return float(_weakest(ac_bits, usual, visible) / OCTAVE)


@njit(nogil=True, cache=True)
def correlation(gradient: _Grid, usual: _Usual, visible: _Visible) -> float:
    """Pearson's correlation of both over the visible tiles; 0 where one of them is flat.

    Integer sums and one square root: the same everywhere.
    """
    sums = np.zeros(6, np.int64)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x]:
                a = np.int64(gradient[y, x])
                b = np.int64(usual[y, x]) // (UNIT // 8)
                sums[0] += 1
                sums[1] += a
                sums[2] += b
                sums[3] += a * a
                sums[4] += b * b
                sums[5] += a * b
    n, sa, sb, saa, sbb, sab = sums
    spread = float(n * saa - sa * sa) * float(n * sbb - sb * sb)
    return float(n * sab - sa * sb) / math.sqrt(spread) if spread > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _contrast(gradient: _Grid, usual: _Usual, visible: _Visible) -> tuple[int, int, int]:
    """Tiles with edges in the strongest half, and 20th percentile and median of their supertiles' means in `UNIT`s."""
    least = max(_least_of_strongest(usual, visible, 50), EDGE * UNIT)
    sums = np.zeros(_SUPERTILES, np.int64)
    counts = np.zeros(_SUPERTILES, np.int64)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x] and usual[y, x] >= least:
                row, column = y * _SUPERTILES[0] // _ROWS, x * _SUPERTILES[1] // _COLUMNS
                sums[row, column] += np.int64(gradient[y, x]) * UNIT - np.int64(usual[y, x])
                counts[row, column] += 1
    means = np.empty(sums.size, np.int64)
    found = 0
    for row in range(_SUPERTILES[0]):
        for column in range(_SUPERTILES[1]):
            if counts[row, column] > 0:
                means[found] = sums[row, column] // counts[row, column]
                found += 1
    if found == 0:
        return 0, 0, 0
    means[:found].sort()
    return counts.sum(), means[(found - 1) * 20 // 100], means[(found - 1) * 50 // 100]


@njit(nogil=True, cache=True)
def _clearest(seen: _Grid, usual: _Usual, visible: _Visible) -> int:
    """80th percentile, in `UNIT`s, of the differences over the usually strongest 30 % of the visible tiles."""
    least = _least_of_strongest(usual, visible, 30)
    differences = np.empty(seen.size, np.int64)
    found = 0
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x] and usual[y, x] >= least:
                differences[found] = np.int64(seen[y, x]) * UNIT - np.int64(usual[y, x])
                found += 1
    if found == 0:
        return 0
    differences[:found].sort()
    return int(differences[(found - 1) * 80 // 100])


@njit(nogil=True, cache=True)
def _weakest(seen: _Grid, usual: _Usual, visible: _Visible) -> int:
    """Median, in `UNIT`s, of the differences over the visible tiles that are usually in the weaker half."""
    most = _least_of_strongest(usual, visible, 50)
    differences = np.empty(seen.size, np.int64)
    found = 0
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x] and usual[y, x] <= most:
                differences[found] = np.int64(seen[y, x]) * UNIT - np.int64(usual[y, x])
                found += 1
    if found == 0:
        return 0
    differences[:found].sort()
    return int(differences[(found - 1) // 2])


@njit(nogil=True, cache=True)
def _keenest(seen: _Grid, usual: _Usual, visible: _Visible) -> int:
    """How much more the strongest 3 % of the visible tiles have than usual, in steps of the signature's grid."""
    return (_least_of_strongest(seen.astype(np.uint16) * np.uint16(UNIT), visible, 3) // UNIT) - (
        _least_of_strongest(usual, visible, 3) // UNIT
    )


@njit(nogil=True, cache=True)
def _least_of_strongest(usual: _Usual, visible: _Visible, percent: int) -> int:
    """The least of the strongest `percent` of the visible tiles, rounded down to a step of the signature's grid."""
    counts = np.zeros(_STEPS, np.int64)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x]:
                counts[min(int(usual[y, x]) // UNIT, _STEPS - 1)] += 1
    wanted = counts.sum() * percent
    found = 0
    for step in range(_STEPS - 1, 0, -1):
        found += counts[step]
        if found * 100 >= wanted:
            return step * UNIT
    return 0

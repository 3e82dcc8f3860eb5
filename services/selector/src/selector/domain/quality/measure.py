"""What a picture's detail says beside what a camera usually has: compiled, since it is done for every frame."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

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
_Sum: TypeAlias = float | np.int64


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
    edges, low, middle, clear, pattern = _contrast(gradient, usual_gradient, visible)
    if edges >= LEAST_EDGES:
        visibility, typical, clearest = (low - brighter) / OCTAVE, (middle - brighter) / OCTAVE, clear / OCTAVE
    if ac_bits is not None:
        sharp, keen = _sharpness(*ac_bits, visible)
        focus, keenest = sharp / OCTAVE - EXPLAINED * min(0.0, clearest or 0.0), keen / 8
    return Detail(focus, visibility, typical, clearest, pattern, keenest)


def noisier(ac_bits: _Grid, usual: _Usual, visible: _Visible) -> float:
    """How much more AC bits than usual there are where usually are fewest, in factors of two.

    The median over the weaker half of the visible tiles: a sensor's gain raises it, and what is seen hardly.
    """
    return float(_weakest(ac_bits, usual, visible) / OCTAVE)


@njit(nogil=True, cache=True)
def _contrast(gradient: _Grid, usual: _Usual, visible: _Visible) -> tuple[int, int, int, int, float]:
    """Tiles with edges in the strongest half, 20th percentile and median of their supertiles' means in `UNIT`s, the
    80th percentile over the strongest 30 % of all tiles, and the correlation."""
    counts = _tiles_of_steps(usual, visible)
    edges, low, middle = _over_supertiles(gradient, usual, visible, max(_least_of_strongest(counts, 50), EDGE * UNIT))
    clearest = _percentile(gradient, usual, visible, (_least_of_strongest(counts, 30), _STEPS * UNIT), 80)
    return edges, low, middle, clearest, _correlation(gradient, usual, visible)


@njit(nogil=True, cache=True)
def _sharpness(ac_bits: _Grid, usual: _Usual, visible: _Visible) -> tuple[int, int]:
    """80th percentile of the differences over the usually strongest 30 % of the tiles, in `UNIT`s, and how much more
    the strongest 3 % have than usual, wherever they are, in steps of the signature's grid."""
    counts = _tiles_of_steps(usual, visible)
    now = _tiles_of_steps(ac_bits.astype(np.uint16) * np.uint16(UNIT), visible)
    sharp = _percentile(ac_bits, usual, visible, (_least_of_strongest(counts, 30), _STEPS * UNIT), 80)
    return sharp, (_least_of_strongest(now, 3) - _least_of_strongest(counts, 3)) // UNIT


@njit(nogil=True, cache=True)
def _weakest(ac_bits: _Grid, usual: _Usual, visible: _Visible) -> int:
    """Median, in `UNIT`s, of the differences over the visible tiles that are usually in the weaker half."""
    return _percentile(ac_bits, usual, visible, (0, _least_of_strongest(_tiles_of_steps(usual, visible), 50)), 50)


@njit(nogil=True, cache=True)
def _correlation(gradient: _Grid, usual: _Usual, visible: _Visible) -> float:
    """Pearson's correlation of both over the visible tiles; 0 where one of them is flat.

    Integer sums and one square root: the same everywhere.
    """
    n = sa = sb = saa = sbb = sab = np.int64(0)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x]:
                a = np.int64(gradient[y, x])
                b = np.int64(usual[y, x]) // (UNIT // 8)
                n += 1
                sa += a
                sb += b
                saa += a * a
                sbb += b * b
                sab += a * b
    return pearson((n, sa, sb, saa, sbb, sab))


@njit(nogil=True, cache=True)
def pearson(sums: tuple[_Sum, _Sum, _Sum, _Sum, _Sum, _Sum]) -> float:
    """The correlation of a and b from their number and the sums of a, b, aa, bb and ab; 0 where one of them is flat."""
    n, sa, sb, saa, sbb, sab = sums
    spread = float(n * saa - sa * sa) * float(n * sbb - sb * sb)
    return float(n * sab - sa * sb) / math.sqrt(spread) if spread > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _over_supertiles(gradient: _Grid, usual: _Usual, visible: _Visible, least: int) -> tuple[int, int, int]:
    """Tiles that usually have `least`, and 20th percentile and median of their differences' means by supertile."""
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
def _percentile(seen: _Grid, usual: _Usual, visible: _Visible, within: tuple[int, int], percent: int) -> int:
    """A percentile, in `UNIT`s, of the differences over the visible tiles that are usually `within` these values."""
    differences = np.empty(seen.size, np.int64)
    found = 0
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x] and within[0] <= usual[y, x] <= within[1]:
                differences[found] = np.int64(seen[y, x]) * UNIT - np.int64(usual[y, x])
                found += 1
    if found == 0:
        return 0
    differences[:found].sort()
    return int(differences[(found - 1) * percent // 100])


@njit(nogil=True, cache=True)
def _tiles_of_steps(usual: _Usual, visible: _Visible) -> npt.NDArray[np.int64]:
    """Visible tiles by their value, rounded down to a step of the signature's grid."""
    counts = np.zeros(_STEPS, np.int64)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            if visible[y, x]:
                counts[min(int(usual[y, x]) // UNIT, _STEPS - 1)] += 1
    return counts


@njit(nogil=True, cache=True)
def _least_of_strongest(counts: npt.NDArray[np.int64], percent: int) -> int:
    """The least of the strongest `percent` of the tiles in `_tiles_of_steps`, in `UNIT`s."""
    wanted = counts.sum() * percent
    found = 0
    for step in range(_STEPS - 1, 0, -1):
        found += counts[step]
        if found * 100 >= wanted:
            return step * UNIT
    return 0

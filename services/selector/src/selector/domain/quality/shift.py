"""Whether a picture shows what a camera usually shows, only elsewhere: the camera was moved."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.grids import DETAIL_SHAPE
from selector.domain.quality.measure import EDGE, LEAST_EDGES, UNIT, pearson

STEP = 2
"""Shifts in a tile: a camera stops anywhere, and half a tile further a tile's detail is its neighbour's as much."""

_ROWS, _COLUMNS = DETAIL_SHAPE
MOST_DOWN, MOST_RIGHT = _ROWS // 3 * STEP, (_COLUMNS + 1) // 3 * STEP
"""Up to a third of the picture: what is left of the usual view must be enough to know it by."""

_LEAST_REST = 1e-6
"""Of what a correlation leaves unexplained: a picture that is exactly the usual one, moved, has a number, too."""

_REACH = 2
"""Tiles around one whose mean is taken off its contrast: sky above and ground below are alike in most views."""

_Grid = npt.NDArray[np.uint8]
_Usual = npt.NDArray[np.uint16]
_Visible = npt.NDArray[np.bool_]
_Values = npt.NDArray[np.int64]
_Sums = npt.NDArray[np.float64]


class Shift(NamedTuple):
    """Where the usual view is found again: `down` and `right` in half tiles.

    `match` is `r / sqrt(1 - r^2) * sqrt(share)`: Student's t of a correlation `r` without its constant, over the share
    of all tiles that both show. `r` is the smaller one of contrast's and AC bits'.
    """

    match: float
    down: int
    right: int


def best_shift(gradient: tuple[_Grid, _Usual], ac_bits: tuple[_Grid, _Usual], visible: _Visible) -> Shift | None:
    """The shift at which a picture's grids, uint8 (15, 20), match the usual ones, uint16 in `UNIT`s, best.

    None where no shift leaves `LEAST_EDGES` tiles with edges in sight of both.
    """
    match, down, right = _best(*gradient, *ac_bits, visible)
    return Shift(match, down, right) if match > 0.0 else None


@njit(nogil=True, cache=True)
def _best(
    gradient: _Grid, usual_gradient: _Usual, ac_bits: _Grid, usual_ac_bits: _Usual, visible: _Visible
) -> tuple[float, int, int]:
    shown = visible.astype(np.int64)
    unmasked = (_halved(shown) == 1).astype(np.int64)
    edges = unmasked * (_halved(usual_gradient.astype(np.int64)) >= EDGE * UNIT)
    contrast = _weighted(_local(gradient.astype(np.int64) * UNIT, visible), shown)
    detail = _weighted(ac_bits.astype(np.int64) * UNIT, shown)
    usual_contrast = _placed(_weighted(_halved(_local(usual_gradient.astype(np.int64), visible)), unmasked))
    usual_detail = _placed(_weighted(_halved(usual_ac_bits.astype(np.int64)), unmasked))
    usual_edges = _placed(_weighted(edges, edges))
    best, best_down, best_right = 0.0, 0, 0
    for down in range(-MOST_DOWN, MOST_DOWN + 1):
        for right in range(-MOST_RIGHT, MOST_RIGHT + 1):
            n, r = _correlation(contrast, usual_contrast, down, right)
            share = n / visible.size
            if _match(r, share) <= best:  # the smaller of two correlations matches no better
                continue
            match = _match(min(r, _correlation(detail, usual_detail, down, right)[1]), share)
            if match > best and _correlation(contrast, usual_edges, down, right)[0] >= LEAST_EDGES:
                best, best_down, best_right = match, down, right
    return best, best_down, best_right


@njit(nogil=True, cache=True)
def _match(r: float, share: float) -> float:
    return r / math.sqrt(1.0 - r * r + _LEAST_REST) * math.sqrt(share)


@njit(nogil=True, cache=True)
def _weighted(values: _Values, weights: _Values) -> _Sums:
    """Weights of 0 or 1, the values and their squares with these weights: (3, rows, columns)."""
    weighted = np.empty((3, *values.shape))
    weighted[0], weighted[1], weighted[2] = weights, values * weights, values * values * weights
    return weighted


@njit(nogil=True, cache=True)
def _placed(halves: _Sums) -> _Sums:
    """Half tiles apart by even and odd rows and columns, (2, 2, 3, 15, 20): each row beside one of tiles is whole."""
    placed = np.zeros((STEP, STEP, halves.shape[0], _ROWS, _COLUMNS))
    for row in range(halves.shape[1]):
        for column in range(halves.shape[2]):
            for k in range(halves.shape[0]):
                placed[row % STEP, column % STEP, k, row // STEP, column // STEP] = halves[k, row, column]
    return placed


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _correlation(seen: _Sums, usual: _Sums, down: int, right: int) -> tuple[float, float]:
    """Tiles that are in sight of both, and Pearson's correlation over them: 0 where one of them is flat.

    Tile (y, x) of `seen` is beside the half tile (2 * y - down, 2 * x - right) of `usual`. The sums are of whole
    numbers and below 2**53: their order makes no difference, so the result is the same everywhere.
    """
    odd_row, odd_column = -down % STEP, -right % STEP
    beside = usual[odd_row, odd_column]
    up, left = (down + odd_row) // STEP, (right + odd_column) // STEP
    first, last = max(0, left), min(_COLUMNS, _COLUMNS + left)
    n = sa = sb = saa = sbb = sab = 0.0
    for y in range(max(0, up), min(_ROWS, _ROWS + up)):
        m, a, aa = seen[0, y, first:last], seen[1, y, first:last], seen[2, y, first:last]
        row = y - up
        u, b = beside[0, row, first - left : last - left], beside[1, row, first - left : last - left]
        bb = beside[2, row, first - left : last - left]
        for x in range(last - first):
            n += m[x] * u[x]
            sa += a[x] * u[x]
            sb += m[x] * b[x]
            saa += aa[x] * u[x]
            sbb += m[x] * bb[x]
            sab += a[x] * b[x]
    return n, pearson((n, sa, sb, saa, sbb, sab))  # compiled without leave to reorder


@njit(nogil=True, cache=True)
def _local(values: _Values, visible: _Visible) -> _Values:
    """Each tile's value less the mean of those around it."""
    local = np.zeros_like(values)
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            total = n = 0
            for row in range(max(0, y - _REACH), min(_ROWS, y + _REACH + 1)):
                for column in range(max(0, x - _REACH), min(_COLUMNS, x + _REACH + 1)):
                    if visible[row, column]:
                        total += values[row, column]
                        n += 1
            local[y, x] = values[y, x] - total // max(n, 1)
    return local


@njit(nogil=True, cache=True)
def _halved(values: _Values) -> _Values:
    """Values at each half tile: means, rounded down, of the one, two or four tiles that it lies on."""
    halves = np.empty((STEP * _ROWS - 1, STEP * _COLUMNS - 1), np.int64)
    for row in range(halves.shape[0]):
        above, below = row // STEP, (row + 1) // STEP
        for column in range(halves.shape[1]):
            left, right = column // STEP, (column + 1) // STEP
            total = values[above, left] + values[above, right] + values[below, left] + values[below, right]
            halves[row, column] = total // 4
    return halves

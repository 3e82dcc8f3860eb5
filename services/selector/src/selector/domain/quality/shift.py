"""Whether a picture shows what a camera usually shows, only elsewhere: the camera was moved."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.grids import DETAIL_SHAPE
from selector.domain.quality.measure import EDGE, LEAST_EDGES, UNIT

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
    contrast, detail = _local(gradient.astype(np.int64) * UNIT, visible), ac_bits.astype(np.int64) * UNIT
    usual_contrast = _halved(_local(usual_gradient.astype(np.int64), visible))
    usual_detail = _halved(usual_ac_bits.astype(np.int64))
    unmasked = _halved(visible.astype(np.int64)) == 1
    edges = unmasked & (_halved(usual_gradient.astype(np.int64)) >= EDGE * UNIT)
    best, best_down, best_right = 0.0, 0, 0
    for down in range(-MOST_DOWN, MOST_DOWN + 1):
        for right in range(-MOST_RIGHT, MOST_RIGHT + 1):
            shift = (down, right)
            n, r = _correlation(contrast, usual_contrast, visible, unmasked, shift)
            if r <= 0.0:
                continue
            r = min(r, _correlation(detail, usual_detail, visible, unmasked, shift)[1])
            match = r / math.sqrt(1.0 - r * r + _LEAST_REST) * math.sqrt(n / visible.size)
            if match > best and _correlation(contrast, usual_contrast, visible, edges, shift)[0] >= LEAST_EDGES:
                best, best_down, best_right = match, down, right
    return best, best_down, best_right


@njit(nogil=True, cache=True)
def _correlation(
    seen: _Values, usual: _Values, visible: _Visible, unmasked: _Visible, shift: tuple[int, int]
) -> tuple[int, float]:
    """Tiles that are in sight of both, and Pearson's correlation over them: of integer sums, so the same everywhere.

    `seen[y, x]` is beside `usual[2 * y - down, 2 * x - right]`. The correlation is 0 where one of them is flat.
    """
    down, right = shift
    n = sa = sb = saa = sbb = sab = np.int64(0)
    for y in range(max(0, (down + 1) // STEP), min(_ROWS, (usual.shape[0] - 1 + down) // STEP + 1)):
        for x in range(max(0, (right + 1) // STEP), min(_COLUMNS, (usual.shape[1] - 1 + right) // STEP + 1)):
            row, column = STEP * y - down, STEP * x - right
            if visible[y, x] and unmasked[row, column]:
                a, b = seen[y, x], usual[row, column]
                n += 1
                sa += a
                sb += b
                saa += a * a
                sbb += b * b
                sab += a * b
    spread = float(n * saa - sa * sa) * float(n * sbb - sb * sb)
    r = float(n * sab - sa * sb) / math.sqrt(spread) if spread > 0.0 else 0.0
    return int(n), r


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

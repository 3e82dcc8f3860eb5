"""How one luma grid differs from another after exposure and sub-cell shake are taken out."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

_Cells: TypeAlias = npt.NDArray[np.float64]
_Levels: TypeAlias = npt.NDArray[np.int32]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_PASSES = 3
_KEPT_SHARE = 0.8
_GAIN_MIN, _GAIN_MAX = 0.4, 2.5
_OFFSET_MAX = 64.0
_SHIFT_MAX = 0.5
_SATURATED = 250
_BRIGHT = 180
"""From here on one of a coloured cell's channels may be clipped, and its luma then follows a change of light by less
than the rest: the residual's 95 % quantile under +-1 EV went from 16 to 5 (docs/measurements/selection.md)."""
_BLACK = 12
"""Light of a 300th of white: the sensor's noise, clipped at black, sets the level there."""
# Weak priors (grey level 1 of noise against these spreads) keep the normal equations regular on a flat
# scene, where gain and shift say nothing.
_GAIN_PRIOR = (1.0 / 0.25) ** 2
_SHIFT_PRIOR = (1.0 / 0.25) ** 2
_BINS_PER_LEVEL = 8
_BINS = 256 * _BINS_PER_LEVEL


class GridFit(NamedTuple):
    """The result of one fit.

    `block_residual` is the largest absolute mean of 2x2 neighbouring cells of the residual, `cell_residual`
    its largest cell, both in grey levels of the current grid; `gain` is a factor, `offset` in grey levels,
    `shift_x` and `shift_y` in cells.
    """

    block_residual: float
    cell_residual: float
    gain: float
    offset: float
    shift_x: float
    shift_y: float


def fit_grids(
    current: npt.NDArray[np.uint8],
    reference: npt.NDArray[np.uint8],
    visible: npt.NDArray[np.bool_] | None = None,
    enough: float = -1.0,
) -> GridFit:
    """`current` explained as `gain*reference + offset + dx*reference_x + dy*reference_y`, and what is left.

    Both are uint8 (rows, columns) of one shape, at least 3x3. Trimmed least squares: three passes, each on
    the 80 % of the cells that the pass before explained best. Gain stays in 0.4..2.5, offset in +-64 grey
    levels and the shift in half a cell, so that a covered lens or another view is not explained away.
    Black and bright cells take no part in the fit where enough others are there. They count only where they contradict
    it: black hides how dark a cell is, saturation how bright, and a bright one may follow the light by less than the
    rest. Cells that are not `visible`, bool of the same shape, count nowhere.
    Where the largest block of the plain difference is at most `enough`, that is what is left: gain 1, nothing else.
    Deterministic: no fused or reordered arithmetic but of integers.
    """
    if visible is None:
        visible = np.ones(current.shape, np.bool_)
    return GridFit(*_fit(_frozen(current), _frozen(reference), _frozen(visible), enough))


def _frozen(grid: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """A read-only C-contiguous view: numba compiles anew for each layout and for writable arrays."""
    view = np.ascontiguousarray(grid).view()
    view.flags.writeable = False
    return view


@njit(nogil=True, cache=True)
def _fit(
    current: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], visible: npt.NDArray[np.bool_], enough: float
) -> tuple[float, float, float, float, float, float]:
    rows, columns = reference.shape
    a = current.ravel().astype(np.int32)
    b = reference.ravel().astype(np.int32)
    lowest, highest = _bounds(a, b, visible.ravel())
    residual = np.empty(a.size)
    for i in range(a.size):
        residual[i] = min(max(float(a[i] - b[i]), lowest[i]), highest[i])
    block, cell = _largest(residual, rows, columns)
    gain, offset, dx, dy = 1.0, 0.0, 0.0, 0.0
    if block > enough:
        bx, by = _doubled_slopes(reference)
        usable = _usable_cells(a, b, visible.ravel())
        bright = (np.maximum(a, b) >= _BRIGHT).astype(np.float64)
        limit = np.inf
        for turn in range(_PASSES):
            if turn > 0:
                limit = _trim_limit(residual, usable)
            gain, offset, dx, dy = _least_squares(_sums((a, b, bx, by), residual, usable, limit))
            half_dx, half_dy = 0.5 * dx, 0.5 * dy
            for i in range(a.size):
                moved = half_dx * bx[i] + half_dy * by[i]
                predicted = gain * b[i] + offset + moved
                unlit = predicted + bright[i] * (b[i] + moved - predicted)
                nearest = min(max(float(a[i]), min(predicted, unlit)), max(predicted, unlit))
                residual[i] = min(max(a[i] - nearest, lowest[i]), highest[i])
        block, cell = _largest(residual, rows, columns)
    return block, cell, gain, offset, dx / gain, dy / gain


@njit(nogil=True, cache=True)
def _doubled_slopes(grid: npt.NDArray[np.uint8]) -> tuple[_Levels, _Levels]:
    """Twice the central differences in grey levels a cell, one-sided on the border."""
    rows, columns = grid.shape
    bx = np.empty(rows * columns, np.int32)
    by = np.empty(rows * columns, np.int32)
    for y in range(rows):
        above, below = max(y - 1, 0), min(y + 1, rows - 1)
        upper, line, lower = grid[above], grid[y], grid[below]
        here_x, here_y = bx[y * columns : (y + 1) * columns], by[y * columns : (y + 1) * columns]
        factor = np.int32(2 // (below - above))
        for x in range(columns):
            here_y[x] = factor * (np.int32(lower[x]) - np.int32(upper[x]))
        for x in range(1, columns - 1):
            here_x[x] = np.int32(line[x + 1]) - np.int32(line[x - 1])
        here_x[0] = 2 * (np.int32(line[1]) - np.int32(line[0]))
        here_x[columns - 1] = 2 * (np.int32(line[columns - 1]) - np.int32(line[columns - 2]))
    return bx, by


@njit(nogil=True, cache=True)
def _usable_cells(a: _Levels, b: _Levels, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Visible cells neither black nor bright in both grids; where those are less than an eighth, also bright ones that
    are not saturated, and at last all visible ones."""
    usable = np.empty(a.size, np.bool_)
    for below in (_BRIGHT, _SATURATED):
        for i in range(a.size):
            usable[i] = seen[i] & (min(a[i], b[i]) > _BLACK) & (max(a[i], b[i]) < below)
        if usable.sum() * 8 >= seen.sum():
            return usable
    usable[:] = seen
    return usable


@njit(nogil=True, cache=True)
def _bounds(a: _Levels, b: _Levels, seen: npt.NDArray[np.bool_]) -> tuple[_Cells, _Cells]:
    """What a residual is clipped to: 0 where saturation explains it (it hides how bright a cell is, black how dark)."""
    lowest, highest = np.empty(a.size), np.empty(a.size)
    for i in range(a.size):
        lowest[i] = 0.0 if not seen[i] or a[i] >= _SATURATED or b[i] <= _BLACK else -np.inf
        highest[i] = 0.0 if not seen[i] or b[i] >= _SATURATED or a[i] <= _BLACK else np.inf
    return lowest, highest


@njit(nogil=True, cache=True)
def _trim_limit(residual: _Cells, usable: npt.NDArray[np.bool_]) -> float:
    """The absolute residual, up to 1/8 grey level, below which 80 % of the usable cells lie."""
    histogram = np.zeros(_BINS, np.int64)
    count = 0
    for i in range(residual.size):
        if usable[i]:
            histogram[min(int(abs(residual[i]) * _BINS_PER_LEVEL), _BINS - 1)] += 1
            count += 1
    wanted = int(_KEPT_SHARE * count)
    found = 0
    for chosen in range(_BINS - 1):
        found += histogram[chosen]
        if found >= wanted:
            return (chosen + 1) / _BINS_PER_LEVEL
    return float(np.inf)


@njit(nogil=True, cache=True)
def _sums(
    terms: tuple[_Levels, _Levels, _Levels, _Levels],
    residual: _Cells,
    usable: npt.NDArray[np.bool_],
    limit: float,
) -> npt.NDArray[np.int32]:
    """Count, sums and sums of products of the usable cells whose last residual is under the limit.

    `terms`: current, reference, and twice the reference's slopes in x and y. In the order of `_least_squares`. Integers
    make the order of addition, and with it the machine, no difference: 1,200 products of 510 by 510 have room.
    """
    a, b, bx, by = terms
    used = np.empty(a.size, np.int32)
    for i in range(a.size):
        used[i] = np.int32(usable[i] & (abs(residual[i]) < limit))
    sums = np.zeros(14, np.int32)
    sums[0] = _dot(used, used)
    of_a, of_b, of_x, of_y = a * used, b * used, bx * used, by * used
    for place, (left, right) in enumerate(
        (
            (a, used),
            (b, used),
            (bx, used),
            (by, used),
            (of_b, b),
            (of_b, bx),
            (of_b, by),
            (of_x, bx),
            (of_x, by),
            (of_y, by),
            (of_a, b),
            (of_a, bx),
            (of_a, by),
        ),
        1,
    ):
        sums[place] = _dot(left, right)
    return sums


@njit(nogil=True, cache=True)
def _dot(left: _Levels, right: _Levels) -> np.int32:
    total = np.int32(0)
    for i in range(left.size):
        total = np.int32(total + np.int32(left[i] * right[i]))
    return total


@njit(nogil=True, cache=True)
def _least_squares(sums: npt.NDArray[np.int32]) -> tuple[float, float, float, float]:
    """Gain, offset and shift terms from `_sums`."""
    n, sa, sb, sx, sy, sbb, sbx, sby, sxx, sxy, syy, sab, sax, say = sums.astype(np.float64)
    sx, sy, sbx, sby, sax, say = sx / 2, sy / 2, sbx / 2, sby / 2, sax / 2, say / 2
    sxx, sxy, syy = sxx / 4, sxy / 4, syy / 4
    if n == 0.0:  # all is masked
        return 1.0, 0.0, 0.0, 0.0
    mean_a, mean_b, mean_x, mean_y = sa / n, sb / n, sx / n, sy / n
    # With the means taken out the offset leaves the system, and a 3x3 remains.
    bb, bxx, byy = sbb - sb * mean_b, sbx - sb * mean_x, sby - sb * mean_y
    xx, xy, yy = sxx - sx * mean_x + _SHIFT_PRIOR, sxy - sx * mean_y, syy - sy * mean_y + _SHIFT_PRIOR
    ab, ax, ay = sab - sa * mean_b, sax - sa * mean_x, say - sa * mean_y
    determinant = xx * yy - xy * xy
    # Shift eliminated first: dx and dy are linear in the gain, which is then one division.
    dx_0, dx_gain = (ax * yy - ay * xy) / determinant, (bxx * yy - byy * xy) / determinant
    dy_0, dy_gain = (ay * xx - ax * xy) / determinant, (byy * xx - bxx * xy) / determinant
    gain = (ab + _GAIN_PRIOR - bxx * dx_0 - byy * dy_0) / (bb + _GAIN_PRIOR - bxx * dx_gain - byy * dy_gain)
    gain = _clip(gain, _GAIN_MIN, _GAIN_MAX)
    bound = _SHIFT_MAX * gain
    dx = _clip(dx_0 - gain * dx_gain, -bound, bound)
    dy = _clip(dy_0 - gain * dy_gain, -bound, bound)
    offset = _clip(mean_a - gain * mean_b - dx * mean_x - dy * mean_y, -_OFFSET_MAX, _OFFSET_MAX)
    return gain, offset, dx, dy


@njit(nogil=True, cache=True)
def _largest(residual: _Cells, rows: int, columns: int) -> tuple[float, float]:
    largest_block = largest_cell = 0.0
    for y in range(rows):
        for x in range(columns):
            i = y * columns + x
            largest_cell = max(largest_cell, abs(residual[i]))
            if y + 1 < rows and x + 1 < columns:
                total = residual[i] + residual[i + 1] + residual[i + columns] + residual[i + columns + 1]
                largest_block = max(largest_block, abs(total) / 4.0)
    return largest_block, largest_cell


@njit(nogil=True, cache=True)
def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)

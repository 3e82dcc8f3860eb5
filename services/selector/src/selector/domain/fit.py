"""How one luma grid differs from another after exposure and sub-cell shake are taken out."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

_Cells: TypeAlias = npt.NDArray[np.float64]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_PASSES = 3
_KEPT_SHARE = 0.8
_GAIN_MIN, _GAIN_MAX = 0.4, 2.5
_OFFSET_MAX = 64.0
_SHIFT_MAX = 0.5
_SATURATED = 250.0
_BLACK = 3.0
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
    current: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], visible: npt.NDArray[np.bool_] | None = None
) -> GridFit:
    """`current` explained as `gain*reference + offset + dx*reference_x + dy*reference_y`, and what is left.

    Both are uint8 (rows, columns) of one shape, at least 3x3. Trimmed least squares: three passes, each on
    the 80 % of the cells that the pass before explained best. Gain stays in 0.4..2.5, offset in +-64 grey
    levels and the shift in half a cell, so that a covered lens or another view is not explained away.
    Saturated and black cells take no part in the fit and count only where they contradict it; cells that are not
    `visible`, bool of the same shape, count nowhere.
    Deterministic: no fused or reordered arithmetic.
    """
    if visible is None:
        visible = np.ones(current.shape, np.bool_)
    return GridFit(*_fit(_frozen(current), _frozen(reference), _frozen(visible)))


def _frozen(grid: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """A read-only C-contiguous view: numba compiles anew for each layout and for writable arrays."""
    view = np.ascontiguousarray(grid).view()
    view.flags.writeable = False
    return view


@njit(nogil=True, cache=True)
def _fit(
    current: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], visible: npt.NDArray[np.bool_]
) -> tuple[float, float, float, float, float, float]:
    a = current.ravel().astype(np.float64)
    b = reference.ravel().astype(np.float64)
    bx, by = _slopes(reference)
    seen = visible.ravel()
    usable = _usable_cells(a, b, seen)
    residual = np.zeros(a.size)
    limit = np.inf
    gain, offset, dx, dy = 1.0, 0.0, 0.0, 0.0
    for turn in range(_PASSES):
        if turn > 0:
            limit = _trim_limit(residual, usable)
        gain, offset, dx, dy = _least_squares((a, b, bx, by), residual, usable, limit)
        for i in range(a.size):
            if seen[i]:
                residual[i] = _contradiction(a[i], b[i], gain * b[i] + offset + dx * bx[i] + dy * by[i])
    block, cell = _largest(residual, reference.shape[0], reference.shape[1])
    return block, cell, gain, offset, dx / gain, dy / gain


@njit(nogil=True, cache=True)
def _slopes(grid: npt.NDArray[np.uint8]) -> tuple[_Cells, _Cells]:
    """Central differences in grey levels a cell, one-sided on the border."""
    rows, columns = grid.shape
    bx = np.empty(rows * columns)
    by = np.empty(rows * columns)
    for y in range(rows):
        above, below = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(columns):
            left, right = max(x - 1, 0), min(x + 1, columns - 1)
            bx[y * columns + x] = (float(grid[y, right]) - float(grid[y, left])) / (right - left)
            by[y * columns + x] = (float(grid[below, x]) - float(grid[above, x])) / (below - above)
    return bx, by


@njit(nogil=True, cache=True)
def _usable_cells(a: _Cells, b: _Cells, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Visible cells neither black nor saturated in both grids; all visible ones where those are less than a quarter."""
    usable = np.empty(a.size, np.bool_)
    count = 0
    for i in range(a.size):
        usable[i] = seen[i] and min(a[i], b[i]) > _BLACK and max(a[i], b[i]) < _SATURATED
        count += usable[i]
    if count * 4 < seen.sum():
        usable[:] = seen
    return usable


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
def _least_squares(
    terms: tuple[_Cells, _Cells, _Cells, _Cells],
    residual: _Cells,
    usable: npt.NDArray[np.bool_],
    limit: float,
) -> tuple[float, float, float, float]:
    """Gain, offset and shift terms of the usable cells whose last residual is under the limit.

    `terms`: current, reference, and the reference's slopes in x and y.
    """
    a, b, bx, by = terms
    n = sa = sb = sx = sy = 0.0
    sbb = sbx = sby = sxx = sxy = syy = sab = sax = say = 0.0
    for i in range(a.size):
        if usable[i] and abs(residual[i]) < limit:
            n += 1.0
            sa += a[i]
            sb += b[i]
            sx += bx[i]
            sy += by[i]
            sbb += b[i] * b[i]
            sbx += b[i] * bx[i]
            sby += b[i] * by[i]
            sxx += bx[i] * bx[i]
            sxy += bx[i] * by[i]
            syy += by[i] * by[i]
            sab += a[i] * b[i]
            sax += a[i] * bx[i]
            say += a[i] * by[i]
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
def _contradiction(a: float, b: float, predicted: float) -> float:
    """a - predicted, but 0 where saturation explains it: it hides how bright a cell is, black how dark."""
    difference = a - predicted
    hidden_darker = difference < 0.0 and (a >= _SATURATED or b <= _BLACK)
    hidden_brighter = difference > 0.0 and (b >= _SATURATED or a <= _BLACK)
    return 0.0 if hidden_darker or hidden_brighter else difference


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

"""Ignore masks on the signature's grids: which cells and tiles the rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from selector.domain.grids import DETAIL_SHAPE, LUMA_SHAPE

Polygon: TypeAlias = tuple[float, ...]
"""x0, y0, x1, y1, … in shares of width and height, closed; inside is what a ray crosses into an odd number of times."""

SAMPLES = 8
"""Points a cell is probed with along each side: a polygon that covers none of the 64 does not touch the cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Visible:
    """What is not masked: `luma` bool (30, 40) and `detail` bool (15, 20), read-only; `everything` says that all is.

    A luma cell is ignored where a polygon covers one of its points, a tile of detail where one of its four cells is.
    """

    luma: npt.NDArray[np.bool_]
    detail: npt.NDArray[np.bool_]
    everything: bool


def visible_of(polygons: tuple[Polygon, ...]) -> Visible:
    """The grids of a camera's masks. All is ignored where they cover everything: the rules then see nothing."""
    rows, columns = LUMA_SHAPE
    covered = np.zeros(LUMA_SHAPE, np.bool_)
    for polygon in polygons:
        points = _covered(np.asarray(polygon, np.float64).reshape(-1, 2), rows * SAMPLES, columns * SAMPLES)
        covered |= points.reshape(rows, SAMPLES, columns, SAMPLES).any(axis=(1, 3))
    luma = ~covered
    detail = np.asarray(luma.reshape(DETAIL_SHAPE[0], 2, DETAIL_SHAPE[1], 2).all(axis=(1, 3)))
    luma.flags.writeable = detail.flags.writeable = False
    return Visible(luma, detail, everything=bool(luma.all()))


def hidden(luma: npt.NDArray[np.uint8], visible: Visible) -> npt.NDArray[np.uint8]:
    """A luma grid whose masked cells have the mean of the others: a flat patch that follows the light."""
    if visible.everything or not visible.luma.any():
        return luma
    shown = luma[visible.luma]
    return np.where(visible.luma, luma, np.uint8(int(shown.sum()) // shown.size))


def _covered(corners: npt.NDArray[np.float64], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """Which centres of a (rows, columns) grid lie inside the polygon of corners (n, 2), line by line."""
    centres = (np.arange(columns) + 0.5) / columns
    inside = np.zeros((rows, columns), np.bool_)
    x0, y0 = corners[:, 0], corners[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    for row in range(rows):
        y = (row + 0.5) / rows
        crossed = (y0 <= y) != (y1 <= y)
        if crossed.any():
            at = x0[crossed] + (y - y0[crossed]) * (x1[crossed] - x0[crossed]) / (y1[crossed] - y0[crossed])
            inside[row] = (np.searchsorted(np.sort(at), centres) & 1).astype(np.bool_)
    return inside


EVERYTHING = visible_of(())

"""Ignore masks from what a person gives: polygons as numbers, or a picture in which the ignored places are black."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

Polygon = tuple[float, ...]

MAX_POLYGONS, MAX_CORNERS = 200, 100
"""The record stays small: 200 rectangles are 13 KB."""
BLACK_BELOW = 128
IGNORED_SHARE = 0.1
"""A cell of the picture's grid is ignored where this share of it is black: a stroke's anti-aliased edge is not."""


def masks(texts: list[str]) -> tuple[Polygon, ...]:
    """Polygons as x0,y0,x1,y1,… in shares of width and height. Raises `ValueError` saying what cannot be."""
    found: list[Polygon] = []
    for text in texts:
        found += [_polygon(text)] if _is_numbers(text) else _of_picture(Path(text).expanduser())
    if len(found) > MAX_POLYGONS:
        raise ValueError(f"{len(found)} polygons; {MAX_POLYGONS} are the most, so draw larger areas")
    return tuple(found)


def _is_numbers(text: str) -> bool:
    return "," in text and not set(text) - set("0123456789.,+-eE ")


def _polygon(text: str) -> Polygon:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not numbers with commas between") from None
    if len(numbers) % 2 or not 3 <= len(numbers) // 2 <= MAX_CORNERS:
        raise ValueError(f"{text!r} has {len(numbers)} numbers; a polygon is 3 to {MAX_CORNERS} pairs x,y")
    if not all(math.isfinite(number) and 0 <= number <= 1 for number in numbers):
        raise ValueError(f"{text!r} has numbers outside 0 to 1; they are shares of width and height, not pixels")
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    doubled_area = sum(x * v - u * y for (x, y), (u, v) in zip(corners, [*corners[1:], corners[0]], strict=True))
    if abs(doubled_area) < 1e-9:
        raise ValueError(f"{text!r} has no area")
    return numbers


def _of_picture(path: Path) -> list[Polygon]:
    """Rectangles on the grid of the selector's signature: what is finer, no rule of it sees."""
    import cv2
    import numpy as np

    from selector.domain.grids import LUMA_SHAPE
    from selector.domain.image_header import Unreadable, read_header

    rows, columns = LUMA_SHAPE
    try:
        image = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} is neither numbers nor a picture that can be read: {error.strerror}") from error
    header = read_header(image)  # before anything is decoded: a small file can declare gigapixels
    if isinstance(header, Unreadable):
        raise ValueError(f"{path} cannot be used as a mask: {header.reason}")
    try:
        grey = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        grey = None
    if grey is None:
        raise ValueError(f"{path} cannot be decoded as a picture")
    black: Any = (grey < BLACK_BELOW).astype(np.float32)
    ignored = cv2.resize(black, (columns, rows), interpolation=cv2.INTER_AREA) >= IGNORED_SHARE
    if not ignored.any():
        raise ValueError(f"{path} has nothing black, so nothing would be ignored")
    if ignored.all():
        raise ValueError(f"{path} would ignore the whole picture")
    return [
        (x0 / columns, y0 / rows, x1 / columns, y0 / rows, x1 / columns, y1 / rows, x0 / columns, y1 / rows)
        for x0, y0, x1, y1 in _rectangles(ignored.tolist())
    ]


def _rectangles(cells: list[list[bool]]) -> list[tuple[int, int, int, int]]:
    """Rectangles (x0, y0, x1, y1; ends excluded) that cover exactly the cells that are set: equal runs, row on row."""
    done: list[tuple[int, int, int, int]] = []
    growing: dict[tuple[int, int], int] = {}
    for y, row in enumerate([*cells, [False] * len(cells[0])]):
        runs = _runs(row)
        for x0, x1 in [run for run in growing if run not in runs]:
            done.append((x0, growing.pop((x0, x1)), x1, y))
        for run in runs:
            growing.setdefault(run, y)
    return done


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    starts = [x for x, cell in enumerate(row) if cell and (x == 0 or not row[x - 1])]
    ends = [x + 1 for x, cell in enumerate(row) if cell and (x + 1 == len(row) or not row[x + 1])]
    return list(zip(starts, ends, strict=True))

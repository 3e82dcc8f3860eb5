"""The stream over time as paths of an SVG 1000 units wide; paths grow with the page's width, not with the stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

WIDTH = 1000.0
HEIGHT = 60.0
COLUMNS = 2000
"""Places at which marks and curves can be told apart; what falls on one is drawn once."""

CLIP = 2.5
"""A chart of distances ends at so many times its largest threshold, so that it stays readable whatever comes."""

_STEPS_MS = [
    100, 200, 500, *(1000 * s for s in (1, 2, 5, 10, 15, 30)), *(60_000 * m for m in (1, 2, 5, 10, 15, 30)),
    *(3_600_000 * h for h in (1, 2, 3, 6, 12)), *(86_400_000 * d for d in (1, 2, 7, 14, 30, 90, 365)),
]  # fmt: skip
_MOST_TICKS = 7


class Axis(NamedTuple):
    """From the first event time to the last, in ms since 1970."""

    first_ms: int
    last_ms: int

    def x(self, ms: float) -> float:
        """0 to 1000."""
        return WIDTH * (ms - self.first_ms) / max(1, self.last_ms - self.first_ms)


class Tick(NamedTuple):
    percent: float
    label: str


class Chart(NamedTuple):
    """A signal against its threshold: `d` of both paths; the chart goes from `foot`, 0 or less, to `top`."""

    value: str
    threshold: str
    foot: float
    top: float
    clipped: bool


def ticks(axis: Axis) -> list[Tick]:
    """At most seven round times, UTC."""
    span = max(1, axis.last_ms - axis.first_ms)
    step = next((step for step in _STEPS_MS if span / step < _MOST_TICKS), span)
    first = -(-axis.first_ms // step) * step
    form = "%H:%M:%S" if step < 60_000 else "%H:%M" if step < 86_400_000 else "%b %d"
    return [
        Tick(axis.x(ms) / WIDTH * 100, f"{_time(ms):{form}}" + (f".{ms // 100 % 10}" if step < 1000 else ""))
        for ms in range(first, axis.last_ms + 1, step)
    ]


def marks(axis: Axis, times_ms: Iterable[int], height: float) -> str:
    """A line from top to foot at each of the times."""
    places = sorted({_column(axis.x(ms)) for ms in times_ms})
    return "".join(f"M{x:g} 0V{height:g}" for x in places)


def bands(axis: Axis, blocks: Sequence[tuple[int, str | None]], wanted: str) -> list[tuple[float, float]]:
    """Stretches (x, width) of a block; each frame's stretch ends where the next one's begins."""
    found: list[tuple[float, float]] = []
    begin: float | None = None
    for ms, block in sorted(blocks, key=lambda one: one[0]):
        if block == wanted and begin is None:
            begin = axis.x(ms)
        elif block != wanted and begin is not None:
            found.append((begin, axis.x(ms) - begin))
            begin = None
    return found if begin is None else [*found, (begin, WIDTH - begin)]


def chart(axis: Axis, points: Sequence[tuple[int, float, float]], *, clip: float = inf) -> Chart:
    """Of (ms, value, threshold): each column has the least and the most, so that no peak is lost.

    Ends at `clip` times the largest threshold.
    """
    numbers = [number for _, value, threshold in points for number in (value, threshold)]
    highest, limit, foot = (
        max(value for _, value, _ in points),
        max(limit for _, _, limit in points),
        min(0.0, *numbers),
    )
    top = min(max(highest, limit * 1.25), limit * clip) if limit > 0 else max(highest, 0.0)
    top = top if top > foot else foot + 1.0
    columns: dict[float, tuple[float, float, float]] = {}
    for ms, value, threshold in points:
        least, most, _ = columns.get(x := _column(axis.x(ms)), (value, value, 0.0))
        columns[x] = min(least, value), max(most, value), threshold
    values, thresholds = [], []
    for x, (least, most, threshold) in sorted(columns.items()):
        values += [(x, _y(most, foot, top))] if most == least else [(x, _y(least, foot, top)), (x, _y(most, foot, top))]
        thresholds.append((x, _y(threshold, foot, top)))
    return Chart(_path(values), _path(thresholds), foot, top, highest > top)


def _y(value: float, foot: float, top: float) -> float:
    return HEIGHT * (1 - min(max((value - foot) / (top - foot), 0.0), 1.0))


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:.1f}" for x, y in points)


def _column(x: float) -> float:
    return round(x * COLUMNS / WIDTH) * WIDTH / COLUMNS


def _time(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)

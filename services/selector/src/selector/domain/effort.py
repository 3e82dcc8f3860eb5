"""How much is done for a frame, and which frames are looked at where not all can be: by their byte size.

A JPEG's size follows what is in the picture: a frame whose size departs from what its camera sent just before shows a
change more often than another (docs/overload.md). The size is known before anything is decoded.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

REMEMBERED = 64
"""Sizes that a frame's is compared with: few, so that what begins departs from what was there before it."""

LOOKED_AT = 0.1
"""Share of the remembered sizes that depart by more than the limit."""

WARM_UP_FRAMES = 16
"""While fewer sizes are known, every frame is looked at."""


class Effort(StrEnum):
    """`FULL`: every frame is decoded. `REDUCED`: only control frames and those whose size departs."""

    FULL = "full"
    REDUCED = "reduced"


class Departure(NamedTuple):
    """How far a frame's size is from the median of the sizes before it, and the limit of that, in bytes."""

    size_bytes: int
    limit_bytes: int

    @property
    def large(self) -> bool:
        return self.size_bytes > self.limit_bytes


def remember(sizes: tuple[int, ...], size_bytes: int) -> tuple[int, ...]:
    """The last `REMEMBERED` sizes with one more, oldest first."""
    return (*sizes[1 - REMEMBERED :], size_bytes)


def departure(sizes: tuple[int, ...], size_bytes: int) -> Departure | None:
    """Of a frame that came after these; None while they are too few. Whole numbers: the same on every machine.

    The limit is the departure that a tenth of the sizes themselves exceed, where they are not all alike.
    """
    if len(sizes) < WARM_UP_FRAMES:
        return None
    median = sorted(sizes)[len(sizes) // 2]
    departures = sorted(abs(size - median) for size in sizes)
    return Departure(abs(size_bytes - median), departures[int(len(sizes) * (1.0 - LOOKED_AT))])

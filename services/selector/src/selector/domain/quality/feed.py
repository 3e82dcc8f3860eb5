"""A feed that stands still: whether a picture repeats the one before, where this camera's never do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.grids import DETAIL_SHAPE
from selector.domain.masks import Visible
from selector.domain.signature import Signature

WARM_UP_FRAMES = 30
REPEATS = 5
SPAN_MS = 2000
"""A feed is frozen once so many frames in a row repeat the one before, over this time by the camera's or the broker's
clock: a camera that is asked more often than it looks repeats itself, too, and a stalled clock hides nothing."""

LEAST_USUAL = 0.5
"""Where less than half of the picture usually changes, its noise is not seen (an encoder repeats what stands still),
and only identical bytes prove anything."""

FEWER = 8.0
"""Where the noise is seen, a picture in which so many times less than usual changes repeats the one before: a clock
may tick on."""

_LOW, _LEAST_STEP = 0.05, 0.002
_ROWS, _COLUMNS = DETAIL_SHAPE[0], DETAIL_SHAPE[1] // 2
CELLS = _ROWS * _COLUMNS


class Feed(NamedTuple):
    """`cells` are 4 bits of each 2x1 tiles of the last picture; `usual` is the 5 % quantile of the changed share.

    `repeats` frames in a row repeated the one before, since those times of the first of them.
    """

    frames: int = 0
    cells: bytes = b""
    usual: float = 0.0
    repeats: int = 0
    since_event_ms: int = 0
    since_broker_ms: int = 0


class Motion(NamedTuple):
    """How a picture goes on from the one before; `changed_share` is None for the first one.

    `least` is the share up to which a picture counts as a repetition, None where that is not known: identical bytes
    must repeat the picture before exactly. `repeats` pictures in a row did so, over `repeats_ms`.
    """

    changed_share: float | None
    least: float | None
    repeats: int
    repeats_ms: int

    @property
    def frozen(self) -> bool:
        return self.repeats >= REPEATS and self.repeats_ms >= SPAN_MS


def watch(
    feed: Feed, signature: Signature, visible: Visible, *, identical: bool, event_ms: int, broker_ms: int
) -> tuple[Motion, Feed]:
    """What the next picture says, and the feed with it. `identical`: its bytes came before under another id."""
    ac_bits = signature.ac_bits if signature.ac_bits is not None else signature.gradient
    share, packed = _cells(signature.luma, signature.gradient, ac_bits, visible.detail, _bytes(feed.cells))
    cells = packed.tobytes()
    if not feed.frames:
        return Motion(None, None, 0, 0), Feed(1, cells, usual=1.0)
    least = feed.usual / FEWER if feed.frames >= WARM_UP_FRAMES and feed.usual >= LEAST_USUAL else None
    if identical:
        least = 0.0
    if least is None or share > least:
        usual = _lowered(feed.usual, share, max(1.0 / (feed.frames + 1), _LEAST_STEP))
        return Motion(share, least, 0, 0), Feed(feed.frames + 1, cells, usual)
    in_a_row = feed.repeats + 1
    since = (event_ms, broker_ms) if in_a_row == 1 else (feed.since_event_ms, feed.since_broker_ms)
    passed_ms = max(event_ms - since[0], broker_ms - since[1])
    return Motion(share, least, in_a_row, passed_ms), Feed(feed.frames + 1, cells, feed.usual, in_a_row, *since)


def _lowered(low: float, value: float, step: float) -> float:
    return max(low - step * (1.0 - _LOW), value) if value < low else min(low + step * _LOW, value)


_NONE = np.zeros((CELLS + 1) // 2, np.uint8)
_NONE.flags.writeable = False


def _bytes(cells: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(cells, np.uint8) if cells else _NONE


@njit(nogil=True, cache=True)
def _cells(
    luma: npt.NDArray[np.uint8],
    gradient: npt.NDArray[np.uint8],
    ac_bits: npt.NDArray[np.uint8],
    visible: npt.NDArray[np.bool_],
    before: npt.NDArray[np.uint8],
) -> tuple[float, npt.NDArray[np.uint8]]:
    """The share of visible cells that are not as `before`, and this picture's cells, two in a byte."""
    packed = np.zeros(before.size, np.uint8)
    changed = seen = 0
    for y in range(_ROWS):
        for x in range(_COLUMNS):
            mixed = np.uint64(14695981039346656037)  # FNV-1a
            some = False
            for tile in range(2 * x, 2 * x + 2):
                if visible[y, tile]:
                    some = True
                    mixed = (mixed ^ np.uint64(gradient[y, tile])) * np.uint64(1099511628211)
                    mixed = (mixed ^ np.uint64(ac_bits[y, tile])) * np.uint64(1099511628211)
                    for corner in range(4):
                        level = luma[2 * y + corner // 2, 2 * tile + corner % 2]
                        mixed = (mixed ^ np.uint64(level)) * np.uint64(1099511628211)
            cell = y * _COLUMNS + x
            shift = np.uint64(4 * (cell & 1))
            nibble = (mixed >> np.uint64(32)) & np.uint64(15)
            packed[cell >> 1] |= np.uint8(nibble << shift)
            if some:
                seen += 1
                changed += ((np.uint64(before[cell >> 1]) >> shift) & np.uint64(15)) != nibble
    return changed / max(seen, 1), packed

"""The bytes of a scan without what is stuffed into them (ITU-T T.81, B.1.1.5), and words of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

PADDING = 256
"""Zero bytes behind the data, more than a block takes (T.81: 27 bits of DC, 63 times 26 of AC, and a word ahead): one
check a block bounds all of its reads."""

_U = np.uint64
_WORD = 8
_ONES = _U(0x0101010101010101)
_TOPS = _U(0x8080808080808080)
_MARKER = 0xFF
_RST0 = 0xD0


class EntropyData(NamedTuple):
    """The entropy-coded data of a scan.

    `data` is uint8 (n + PADDING): its restart intervals one after the other, without stuffed bytes and markers.
    `ends` is int64 (intervals), where each of them ends. `behind` is the image's position of the marker behind
    them, -1 where there is none or the restart markers are not those of so many intervals.
    """

    data: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]
    behind: np.int64


@njit(nogil=True, cache=True)
def unstuff(image: npt.NDArray[np.uint8], begin: int, intervals: int) -> EntropyData:
    """The data of so many intervals that begin at `begin` in an image, uint8 (bytes)."""
    limit = _U(image.size)
    data = np.empty(image.size - begin + PADDING, np.uint8)
    ends = np.zeros(intervals, np.int64)
    behind = np.int64(-1)
    interval = 0
    position, size = _U(begin), _U(0)
    while True:
        position, size = _copy_until_marker(image, position, data, size)
        if limit - position < _U(2):
            break
        code = image[position + _U(1)]
        if code == 0:
            data[size] = _MARKER
            size += _U(1)
            position += _U(2)
            continue
        ends[interval] = size
        interval += 1
        if interval == intervals:
            data[size : size + _U(PADDING)] = 0
            behind = np.int64(position)
            break
        if code != _RST0 + (interval - 1) % 8:
            break
        position += _U(2)
    return EntropyData(data, ends, behind)


@njit(nogil=True, cache=True)
def _copy_until_marker(
    image: npt.NDArray[np.uint8], position: np.uint64, data: npt.NDArray[np.uint8], size: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Copies up to the next 0xFF or the image's end; both positions behind what was copied."""
    limit = _U(image.size)
    while position + _U(_WORD) <= limit:
        word = read_word(image, position)
        if (~word - _ONES) & word & _TOPS:  # one of its bytes is 0xFF
            break
        for i in range(_WORD):
            data[size + _U(i)] = word >> _U(56 - 8 * i)
        position += _U(_WORD)
        size += _U(_WORD)
    while position < limit and image[position] != _MARKER:
        data[size] = image[position]
        position += _U(1)
        size += _U(1)
    return position, size


@njit(nogil=True, cache=True)
def read_word(data: npt.NDArray[np.uint8], i: np.uint64) -> np.uint64:
    """Bytes i..i+7, the first on top. Unsigned, so that no negative index is looked for and it becomes one load."""
    return (
        _U(data[i]) << _U(56)
        | _U(data[i + _U(1)]) << _U(48)
        | _U(data[i + _U(2)]) << _U(40)
        | _U(data[i + _U(3)]) << _U(32)
        | _U(data[i + _U(4)]) << _U(24)
        | _U(data[i + _U(5)]) << _U(16)
        | _U(data[i + _U(6)]) << _U(8)
        | _U(data[i + _U(7)])
    )

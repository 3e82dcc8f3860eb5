"""The blocks of one scan: DC coefficients are decoded, AC coefficients skipped several symbols at a time."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.jpeg.entropy import EntropyData, read_word, unstuff
from selector.domain.jpeg.huffman import (
    AC_BITS,
    DC_BITS,
    END_OF_BLOCK,
    HuffmanTables,
    ac_step,
    search_code,
)

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Tables: TypeAlias = npt.NDArray[np.uint16]

_U = np.uint64  # numba makes a float of uint64 and int64 together, hence all these
_COEFFICIENTS = _U(64)
_BLOCK_ENDS = _U(END_OF_BLOCK)
_LOOKUPS = 3
"""In one word, of which 57 bits are valid: two steps of at most AC_BITS + MAX_AC_SIZE and an index are 56."""
_DC_LIMIT = 2048
"""Twice the range of a DC coefficient of 8-bit samples; what is beyond is damage."""
_DAMAGED = _U(0)

# What is called for each block has one way out: else numba counts references to its arrays there, atomically, and
# threads that share tables wait for each other.


class ScanPlan(NamedTuple):
    """Where a scan's blocks go, and what it has of them.

    `rows` and `columns` count its MCUs, `interval` those between restart markers. `units` is int64 (blocks of an
    MCU, 5): component of the scan, pair of tables, block index in the first MCU, and how far that moves with an
    MCU across and with one down. `high` and `low` are the bit positions of successive approximation: with a high
    one, each block has one more bit of its DC coefficient.
    """

    rows: int
    columns: int
    interval: int
    units: npt.NDArray[np.int64]
    high: int
    low: int


class Blocks(NamedTuple):
    """What is decoded of each block (int16, uint16, uint8); the last two are empty without AC coefficients."""

    dc: npt.NDArray[np.int16]
    ac_bits: npt.NDArray[np.uint16]
    last_index: npt.NDArray[np.uint8]


@njit(nogil=True, cache=True)
def decode_scan(image: _Bytes, begin: int, plan: ScanPlan, tables: HuffmanTables, blocks: Blocks) -> int:
    """Decodes the scan whose data begin at `begin` into `blocks`; the position of the marker behind it.

    -1 where the data are damaged: no end, restart markers out of order, or blocks that cannot be decoded.
    """
    entropy = unstuff(image, begin, -(-plan.rows * plan.columns // plan.interval))
    behind = int(entropy.behind)
    if behind >= 0 and not _decode_blocks(entropy, plan, tables, blocks):
        behind = -1
    return behind


@njit(nogil=True, cache=True)
def _decode_blocks(entropy: EntropyData, plan: ScanPlan, tables: HuffmanTables, blocks: Blocks) -> bool:
    """Decodes one scan into `blocks`; False where its data are damaged.

    Damaged is what has a code that is none, coefficients behind a block's 64th, a DC coefficient out of range,
    or an interval that does not end in the last byte of its data.
    """
    data, ends, _ = entropy
    rows, columns, interval, units, high, low = plan
    dc_table, ac_table, ac_codes = tables
    dc, ac_bits, last_index = blocks
    predictions = np.zeros(units.shape[0], np.int64)
    bit = end = _U(0)
    number = left = 0
    for down in range(rows):
        for across in range(columns):
            if left == 0:
                if not _ends_in_last_byte(bit, end):
                    return False
                bit, end = end, _U(ends[number]) * _U(8)
                number += 1
                left = interval
                predictions[:] = 0
            left -= 1
            for unit in range(units.shape[0]):
                component, pair, first, step_across, step_down = units[unit]
                block = first + down * step_down + across * step_across
                if bit >= end:
                    return False
                if high > 0:
                    dc[block] |= np.int64(_next_bits(data, bit) >> _U(63)) << low
                    bit += _U(1)
                    continue
                difference, bit = _dc_difference(data, bit, dc_table, pair)
                predictions[component] += difference
                value = predictions[component] << low
                if bit == _DAMAGED or value < -_DC_LIMIT or value >= _DC_LIMIT:
                    return False
                dc[block] = value
                if ac_bits.size > 0:
                    behind, behind_last = _skip_ac(data, bit, ac_table, ac_codes, pair)
                    if behind == _DAMAGED:
                        return False
                    ac_bits[block] = behind - bit
                    last_index[block] = behind_last - _U(1)
                    bit = behind
    return _ends_in_last_byte(bit, end)


@njit(nogil=True, cache=True)
def _ends_in_last_byte(bit: np.uint64, end: np.uint64) -> bool:
    return bool(bit <= end and end - bit < _U(8))


@njit(nogil=True, cache=True)
def _next_bits(data: _Bytes, bit: np.uint64) -> np.uint64:
    """The bits from `bit` on, the first on top; 57 of the 64 are valid."""
    return read_word(data, bit >> _U(3)) << (bit & _U(7))


@njit(nogil=True, cache=True, forceinline=True)
def _dc_difference(data: _Bytes, bit: np.uint64, dc_table: _Tables, pair: int) -> tuple[np.int64, np.uint64]:
    """The difference to the DC coefficient before, and the position behind it, _DAMAGED for none (T.81 F.2.2.1)."""
    window = _next_bits(data, bit)
    entry = _U(dc_table[pair, window >> _U(64 - DC_BITS)])
    code_bits, size = entry >> _U(4), entry & _U(15)
    magnitude = np.int64((window << code_bits) >> _U(1) >> (_U(63) - size))
    if magnitude < np.int64(_U(1) << size >> _U(1)):
        magnitude -= np.int64(_U(1) << size) - 1
    behind = bit + code_bits + size
    if entry == 0:
        behind = _DAMAGED
    return magnitude, behind


@njit(nogil=True, cache=True, forceinline=True)
def _skip_ac(
    data: _Bytes, bit: np.uint64, ac_table: _Tables, ac_codes: _Tables, pair: int
) -> tuple[np.uint64, np.uint64]:
    """The position behind a block's AC coefficients, and the zig-zag index behind the last one that is coded."""
    k = _U(1)
    while k < _COEFFICIENTS:
        window = _next_bits(data, bit)
        entry = _U(0)
        for _ in range(_LOOKUPS):
            entry = _U(ac_table[pair, window >> _U(64 - AC_BITS)])
            window <<= entry & _U(31)
            bit += entry & _U(31)
            k += entry >> _U(5)
            if k >= _COEFFICIENTS:
                break
        if k > _COEFFICIENTS and not _BLOCK_ENDS < k < _BLOCK_ENDS + _COEFFICIENTS:
            # The step goes beyond the block's end or is none: back, and one symbol alone.
            bit -= entry & _U(31)
            k -= entry >> _U(5)
            code_bits, symbol = search_code(_next_bits(data, bit), ac_codes[pair])
            step, size = ac_step(symbol)
            bit += _U(code_bits + size)
            k += _U(step)
            if code_bits == 0 or step == 0 or _COEFFICIENTS < k <= _BLOCK_ENDS:
                bit = _DAMAGED
                k = _COEFFICIENTS
    return bit, k % _BLOCK_ENDS

"""Lookup tables of Huffman codes (ITU-T T.81, annexes C and F)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.jpeg.headers import Undecodable

_Table: TypeAlias = npt.NDArray[np.uint16]

DC_BITS = 12
"""Twelve sizes and the reserved code of ones need no more; a file with longer codes is left to another decoder."""
AC_BITS = 12
"""Longer codes are rare and searched."""
MAX_CODE_BITS = 16
MAX_DC_SIZE = 11
MAX_AC_SIZE = 10
"""Magnitude bits of 8-bit samples' coefficients (T.81 F.1.2)."""
END_OF_BLOCK = 128
NO_STEP = 255

_CACHED_SCANS = 64
_CODES = 256


class HuffmanTables(NamedTuple):
    """Tables of several (DC, AC) pairs of codes, along the first axis; read-only.

    `dc` is uint16 (pairs, 2**DC_BITS), by the next bits of the data: `code bits << 4 | magnitude bits`, 0 for none.

    `ac` is uint16 (pairs, 2**AC_BITS): as many whole symbols as can be told from these bits, together
    `zig-zag positions << 5 | bits`. Their magnitude bits count, known or not. END_OF_BLOCK is added to the
    positions where the last symbol ends the block. NO_STEP positions in 0 bits: the code is longer or none.

    `ac_codes` is uint16 (pairs, 3, 256): what `search_code` needs for those.
    """

    dc: _Table
    ac: _Table
    ac_codes: _Table


@lru_cache(_CACHED_SCANS)
def huffman_tables(pairs: tuple[tuple[bytes, bytes], ...]) -> HuffmanTables:
    """Tables for pairs of (DC, AC) codes as a file writes them: 16 counts, then the symbols; empty for none.

    Raises `Undecodable` where the counts are no prefix code. A camera keeps its codes, so that they are made
    once; the cache holds at most 4 MB.
    """
    tables = HuffmanTables(
        np.zeros((len(pairs), 1 << DC_BITS), np.uint16),
        np.zeros((len(pairs), 1 << AC_BITS), np.uint16),
        np.zeros((len(pairs), 3, _CODES), np.uint16),
    )
    for pair, (dc, ac) in enumerate(pairs):
        _index_codes(ac, tables.ac_codes[pair])
        _fill_ac(tables.ac_codes[pair], tables.ac[pair])
        dc_codes = np.zeros((3, _CODES), np.uint16)
        _index_codes(dc, dc_codes)
        _fill_dc(dc_codes, tables.dc[pair])
    for array in tables:
        array.flags.writeable = False
    return tables


@njit(nogil=True, cache=True)
def search_code(window: np.uint64, codes: _Table) -> tuple[np.int64, np.int64]:
    """(bits, symbol) of the code that begins at the window's top; 0 bits where none does.

    `codes[0]` has for each length a limit above its codes, left-aligned in 16 bits; `codes[1]` what to add to
    a code of that length, modulo 2**16, for its place among the symbols `codes[2]`.
    """
    left_aligned = np.int64(window >> np.uint64(64 - MAX_CODE_BITS))
    bits = np.int64(1)
    while bits < MAX_CODE_BITS and left_aligned >= codes[0, bits]:
        bits += 1
    place = (left_aligned >> (MAX_CODE_BITS - bits)) + np.int64(codes[1, bits])
    symbol = np.int64(codes[2, place % _CODES])
    if left_aligned >= codes[0, bits]:
        bits = np.int64(0)
    return bits, symbol


def _index_codes(written: bytes, codes: _Table) -> None:
    """Fills what `search_code` needs. Raises `Undecodable` where the counts are no prefix code."""
    counts, symbols = written[:MAX_CODE_BITS], written[MAX_CODE_BITS:]
    if len(symbols) > _CODES:
        raise Undecodable("a Huffman table with more codes than symbols")
    code = place = 0
    for bits, count in enumerate(counts, start=1):
        codes[1, bits] = (place - code) & 0xFFFF
        code += count
        place += count
        if code >= 1 << bits:  # all ones is no code
            raise Undecodable("a Huffman table with more codes than there are")
        codes[0, bits] = code << (MAX_CODE_BITS - bits)
        code <<= 1
    codes[2, : len(symbols)] = np.frombuffer(symbols, np.uint8)


@njit(nogil=True, cache=True)
def _fill_dc(codes: _Table, dc: _Table) -> None:
    for index in range(dc.size):
        bits, size = search_code(np.uint64(index) << np.uint64(64 - DC_BITS), codes)
        if 0 < bits <= DC_BITS and size <= MAX_DC_SIZE:
            dc[index] = bits << 4 | size


@njit(nogil=True, cache=True)
def _fill_ac(codes: _Table, ac: _Table) -> None:
    for index in range(ac.size):
        window = np.uint64(index) << np.uint64(64 - AC_BITS)
        bits = positions = np.int64(0)
        while bits < AC_BITS:
            code_bits, symbol = search_code(window << np.uint64(bits), codes)
            step, size = ac_step(symbol)
            if code_bits == 0 or bits + code_bits > AC_BITS or step == 0:
                break
            if (positions + step) % END_OF_BLOCK >= 64:
                break
            bits += code_bits + size
            positions += step
            if positions >= END_OF_BLOCK:
                break
        ac[index] = positions << 5 | bits if bits else NO_STEP << 5


@njit(nogil=True, cache=True)
def ac_step(symbol: np.int64) -> tuple[np.int64, np.int64]:
    """(zig-zag positions, magnitude bits) of an AC symbol; 0 positions where it means nothing here.

    END_OF_BLOCK stands for the positions up to the end of the block.
    """
    positions, size = (symbol >> 4) + 1, symbol & 15
    if symbol == 0:
        positions = np.int64(END_OF_BLOCK)
    elif size > MAX_AC_SIZE or (size == 0 and positions != 16):
        positions = np.int64(0)
    return positions, size

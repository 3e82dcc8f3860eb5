"""JPEGs written coefficient by coefficient: forms that no encoder at hand writes, with known bits for each block."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.support.bad_pictures import segment

Code = tuple[bytes, dict[int, tuple[int, int]]]
"""A Huffman table as a file has it, and for each symbol its code and length."""

_DC_SYMBOLS = range(12)
_AC_SYMBOLS = [0, 0xF0, *(run << 4 | size for size in range(1, 11) for run in range(16))]


def code(lengths: Sequence[int], symbols: Sequence[int]) -> Code:
    """The canonical code that gives the symbols these lengths, which rise."""
    counts = bytes(list(lengths).count(bits) for bits in range(1, 17))
    codes, value, before = {}, 0, lengths[0]
    for symbol, bits in zip(symbols, lengths, strict=True):
        value <<= bits - before
        codes[symbol], before = (value, bits), bits
        value += 1
    return counts + bytes(symbols), codes


FLAT = (code([4] * 12, _DC_SYMBOLS), code([8] * 162, _AC_SYMBOLS))
DEEP = (code(range(1, 13), _DC_SYMBOLS), code([*range(1, 8), *[16] * 155], _AC_SYMBOLS))
"""Codes as long as they may be: 12 bits for DC, 16 for AC."""


@dataclass
class Bits:
    """Entropy-coded data."""

    written: list[str] = field(default_factory=list)
    length: int = 0

    def put(self, value: int, bits: int) -> None:
        if bits:
            self.written.append(f"{value:0{bits}b}")
            self.length += bits

    def symbol(self, symbol: int, table: Code) -> None:
        self.put(*table[1][symbol])

    def magnitude(self, value: int) -> None:
        size = abs(value).bit_length()
        self.put(value if value >= 0 else value + (1 << size) - 1, size)

    def bytes(self) -> bytes:
        """Padded with ones and stuffed; begins anew."""
        text = "".join(self.written)
        text += "1" * (-len(text) % 8)
        self.written, self.length = [], 0
        return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\x00")


class Jpeg:
    """A picture of random coefficients: int (rows, columns, 64) in zig-zag order for each component.

    `factors` are the components' (horizontal, vertical) sampling factors. `ac_bits` and `last_index` are luma's,
    filled where a sequential scan is written.
    """

    def __init__(
        self, width: int, height: int, factors: Sequence[tuple[int, int]], seed: int = 0, step: int = 3
    ) -> None:
        chance = np.random.default_rng(seed)
        self.size, self.factors, self.step = (width, height), factors, step
        across, down = max(h for h, _ in factors), max(v for _, v in factors)
        self.grid = (-(-height // (8 * down)), -(-width // (8 * across)))
        self.blocks = []
        for h, v in factors:
            shape = (self.grid[0] * v, self.grid[1] * h, 64)
            sparse = chance.random(shape) < chance.choice([0.0, 0.03, 0.2, 0.9], (*shape[:2], 1))
            ac = np.rint(chance.normal(0, chance.choice([1, 20, 300], (*shape[:2], 1)), shape)).clip(-1023, 1023)
            blocks = (ac * sparse).astype(int)
            blocks[..., 0] = chance.integers(-1024 // step, 1023 // step, shape[:2])
            self.blocks.append(blocks)
        self.real = [(-(-height * v // (8 * down)), -(-width * h // (8 * across))) for h, v in factors]
        self.ac_bits, self.last_index = (np.zeros(self.blocks[0].shape[:2], int) for _ in range(2))

    def write(self, *scans: bytes, marker: int = 0xC0) -> bytes:
        """The file of these scans."""
        count = len(self.factors)
        frame = struct.pack(">BHHB", 8, self.size[1], self.size[0], count)
        frame += b"".join(bytes((i + 1, h << 4 | v, 0)) for i, (h, v) in enumerate(self.factors))
        quantisers = segment(0xDB, bytes((0, *[self.step] * 64)))
        return b"\xff\xd8" + quantisers + segment(marker, frame) + b"".join(scans) + b"\xff\xd9"

    def scan(
        self,
        *components: int,
        band: tuple[int, int] = (0, 63),
        high: int = 0,
        low: int = 0,
        codes: tuple[Code, Code] = FLAT,
        restart: int = 0,
        data: bytes = b"",
    ) -> bytes:
        """One scan with its tables in front, of `data` where given.

        The AC coefficients of a progressive picture are written in one pass.
        """
        components = components or tuple(range(len(self.factors)))
        tables = b"".join(segment(0xC4, bytes((ac << 4,)) + codes[ac][0]) for ac in (0, 1))
        head = bytes((len(components), *(x for c in components for x in (c + 1, 0)), *band, high << 4 | low))
        header = tables + segment(0xDD, struct.pack(">H", restart)) + segment(0xDA, head)
        if data:
            return header + data
        bits = Bits()
        predictions = dict.fromkeys(components, 0)
        for number, mcu in enumerate(self._mcus(components)):
            if restart and number and number % restart == 0:
                data += bits.bytes() + bytes((0xFF, 0xD0 + (number // restart - 1) % 8))
                predictions = dict.fromkeys(components, 0)
            for component, row, column in mcu:
                block = self.blocks[component][row, column]
                if high:
                    bits.put(int(block[0]) >> low & 1, 1)
                    continue
                if band[0] == 0:
                    dc = int(block[0]) >> low
                    difference, predictions[component] = dc - predictions[component], dc
                    bits.symbol(abs(difference).bit_length(), codes[0])
                    bits.magnitude(difference)
                if band[1] > 0:
                    begin = bits.length
                    last = _put_ac(bits, [int(x) for x in block[: band[1] + 1]], max(band[0], 1), codes[1])
                    if component == 0:
                        self.ac_bits[row, column], self.last_index[row, column] = bits.length - begin, last
        return header + data + bits.bytes()

    def _mcus(self, components: tuple[int, ...]) -> Iterator[list[tuple[int, int, int]]]:
        if len(components) == 1:
            rows, columns = self.real[components[0]]
            yield from ([(components[0], row, column)] for row in range(rows) for column in range(columns))
            return
        for down in range(self.grid[0]):
            for across in range(self.grid[1]):
                yield [
                    (component, down * v + row, across * h + column)
                    for component in components
                    for h, v in (self.factors[component],)
                    for row in range(v)
                    for column in range(h)
                ]


def _put_ac(bits: Bits, coefficients: list[int], first: int, table: Code) -> int:
    """Writes coefficients from `first` on; the index of the last that is not zero, 0 for none."""
    run = last = 0
    for k in range(first, len(coefficients)):
        if coefficients[k] == 0:
            run += 1
            continue
        while run > 15:
            bits.symbol(0xF0, table)
            run -= 16
        bits.symbol(run << 4 | abs(coefficients[k]).bit_length(), table)
        bits.magnitude(coefficients[k])
        run, last = 0, k
    if last < len(coefficients) - 1:
        bits.symbol(0, table)
    return last

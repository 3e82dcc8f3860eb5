"""The signature: what the selector remembers of a frame, computed from the image's bytes alone."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numba import njit

from selector.domain.image_header import MAX_PIXELS, ImageHeader, ImageKind, Unreadable, read_header

SIGNATURE_VERSION = 1
LUMA_SHAPE = (30, 40)
DETAIL_SHAPE = (15, 20)

_SCALES = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
_MIN_WIDTH, _MIN_HEIGHT = 80, 60
_SATURATED = 251
_LOG2_UNIT = 1 << 20
_LOG_LUMA_STEPS = 8191
_SHARE_STEPS = 65535
_HAS_AC_BITS = 1
_KINDS = (ImageKind.JPEG, ImageKind.PNG)
_HEAD = struct.Struct(">BBBIIIHH8s")
_LUMA_CELLS = LUMA_SHAPE[0] * LUMA_SHAPE[1]
_DETAIL_CELLS = DETAIL_SHAPE[0] * DETAIL_SHAPE[1]


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """`max_pixels`: a larger picture is unreadable, before anything of it is decoded."""

    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """About 1.5 KB that stand for a frame in every decision.

    `luma` is uint8 (30, 40), block means of the reduced grey picture; `gradient` is uint8 (15, 20),
    `round(8*log2(1+g))` of the tile's mean |dx|+|dy| in grey levels; `ac_bits` has the same shape and scale
    for the largest JPEG AC bits of a block in the tile, None where they were not read. `mean_log_luma` is the
    mean of log2(1+grey level), 0..8; `saturated_share` the share of pixels >= 251; `quantisation_hash`
    8 bytes. All values are held at the precision of the packed form, so a stored signature decides as the
    fresh one did. The arrays are read-only.
    """

    kind: ImageKind
    width: int
    height: int
    size_bytes: int
    mean_log_luma: float
    saturated_share: float
    quantisation_hash: bytes
    luma: npt.NDArray[np.uint8]
    gradient: npt.NDArray[np.uint8]
    ac_bits: npt.NDArray[np.uint8] | None = None

    def to_bytes(self) -> bytes:
        """The packed form, 1,528 bytes without `ac_bits`: big-endian scalars, then the grids row by row."""
        return b"".join(
            (
                _HEAD.pack(
                    SIGNATURE_VERSION,
                    _HAS_AC_BITS if self.ac_bits is not None else 0,
                    _KINDS.index(self.kind),
                    self.width,
                    self.height,
                    self.size_bytes,
                    round(self.mean_log_luma * _LOG_LUMA_STEPS),
                    round(self.saturated_share * _SHARE_STEPS),
                    self.quantisation_hash,
                ),
                self.luma.tobytes(),
                self.gradient.tobytes(),
                self.ac_bits.tobytes() if self.ac_bits is not None else b"",
            )
        )

    @classmethod
    def from_bytes(cls, packed: bytes) -> Signature:
        """The signature of a packed form; ValueError where the version or the length is not ours."""
        if len(packed) < _HEAD.size or packed[0] != SIGNATURE_VERSION:
            raise ValueError(
                f"not a signature of version {SIGNATURE_VERSION}: {len(packed)} bytes, first {packed[:1].hex()!r}"
            )
        _, flags, kind, width, height, size_bytes, log_luma, share, tables = _HEAD.unpack_from(packed)
        grids = (2 if flags & _HAS_AC_BITS else 1) * _DETAIL_CELLS + _LUMA_CELLS
        if len(packed) != _HEAD.size + grids or kind >= len(_KINDS):
            raise ValueError(f"damaged signature: {len(packed)} bytes, {_HEAD.size + grids} expected")
        values = np.frombuffer(packed, np.uint8, offset=_HEAD.size)
        detail = values[_LUMA_CELLS:].reshape(-1, *DETAIL_SHAPE)
        return cls(
            kind=_KINDS[kind],
            width=width,
            height=height,
            size_bytes=size_bytes,
            mean_log_luma=log_luma / _LOG_LUMA_STEPS,
            saturated_share=share / _SHARE_STEPS,
            quantisation_hash=tables,
            luma=values[:_LUMA_CELLS].reshape(LUMA_SHAPE),
            gradient=detail[0],
            ac_bits=detail[1] if flags & _HAS_AC_BITS else None,
        )


def extract(image: bytes, limits: ExtractionLimits) -> Signature | Unreadable:
    """The signature of a JPEG or PNG, or why there is none; never raises for what the bytes are.

    Depends on the bytes alone (EXIF orientation is ignored). Safe to call from many threads: decoding and the
    grids release the GIL.
    """
    header = read_header(image, max_pixels=limits.max_pixels)
    if isinstance(header, Unreadable):
        return header
    try:
        grey = _decode_reduced(image, header)
    except cv2.error as error:
        return Unreadable(f"damaged: the {header.kind} decoder failed ({error.err})")
    if grey is None:
        return Unreadable(f"damaged: the {header.kind} decoder found no picture")
    luma, gradient, log_luma, saturated = _grids(grey, _LOG2_LUMA)
    luma.flags.writeable = gradient.flags.writeable = False
    return Signature(
        kind=header.kind,
        width=header.width,
        height=header.height,
        size_bytes=len(image),
        mean_log_luma=round(log_luma * _LOG_LUMA_STEPS) / _LOG_LUMA_STEPS,
        saturated_share=round(saturated * _SHARE_STEPS) / _SHARE_STEPS,
        quantisation_hash=header.quantisation_hash,
        luma=luma,
        gradient=gradient,
    )


def _decode_reduced(image: bytes, header: ImageHeader) -> npt.NDArray[np.uint8] | None:
    """Grey uint8 at the strongest of 1/8, 1/4, 1/2 that leaves 80x60 pixels, else in full; None if damaged."""
    factor, flag = next(
        (
            (factor, flag)
            for factor, flag in _SCALES
            if header.width >= _MIN_WIDTH * factor and header.height >= _MIN_HEIGHT * factor
        ),
        (1, cv2.IMREAD_GRAYSCALE),
    )
    data = np.frombuffer(image, np.uint8)
    if header.kind is ImageKind.JPEG or factor == 1:
        return cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)  # type: ignore[return-value]
    # PNG has no scaled decode, and OpenCV's substitute skips pixels instead of averaging them.
    full = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if full is None:
        return None
    height, width = full.shape[0] // factor, full.shape[1] // factor
    # Exact for powers of two: integer sums, then a shift.
    return cv2.resize(  # type: ignore[return-value]
        full[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA
    )


@njit(nogil=True, cache=True)
def _grids(
    grey: npt.NDArray[np.uint8], log2_luma: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], float, float]:
    """Luma means (30, 40), gradient grid (15, 20), mean log luma and saturated share of a grey picture.

    A pixel on a cell's border counts by the share of it that lies inside. Sums are integers (a pixel is 40
    units wide and 30 high, so a cell is `width` by `height`), hence the same on every machine.
    """
    height, width = grey.shape
    luma = np.zeros(LUMA_SHAPE, np.int64)
    gradient = np.zeros(LUMA_SHAPE, np.int64)
    luma_band = np.zeros(width, np.int64)
    gradient_band = np.zeros(width, np.int64)
    steps = np.empty(width, np.int32)
    log_luma = np.int64(0)
    saturated = np.int64(0)
    for y in range(height):
        line = grey[y]
        _absolute_steps(line, grey[min(y + 1, height - 1)], steps)
        for x in range(width):
            log_luma += log2_luma[line[x]]
        for x in range(width):
            saturated += np.int64(line[x] >= _SATURATED)
        top = y * LUMA_SHAPE[0]
        bottom = top + LUMA_SHAPE[0]
        row = top // height
        while top < bottom:
            cell_end = min((row + 1) * height, bottom)
            _add_weighted(luma_band, line, cell_end - top)
            _add_weighted(gradient_band, steps, cell_end - top)
            if cell_end == (row + 1) * height:
                _sum_cells(luma_band, luma[row])
                _sum_cells(gradient_band, gradient[row])
                luma_band[:] = 0
                gradient_band[:] = 0
            top = cell_end
            row += 1
    area = width * height
    return (
        _rounded_means(luma, area),
        _detail(gradient, area),
        log_luma / (_LOG2_UNIT * area),
        saturated / area,
    )


@njit(nogil=True, cache=True)
def _absolute_steps(line: npt.NDArray[np.uint8], below: npt.NDArray[np.uint8], steps: npt.NDArray[np.int32]) -> None:
    """|dx|+|dy| to the right and lower neighbours of a line's pixels; 0 towards the picture's end."""
    width = line.size
    right = line[1:]  # a slice, since numba tests line[x + 1] for a negative index
    for x in range(width - 1):
        here = np.int32(line[x])
        steps[x] = abs(np.int32(right[x]) - here) + abs(np.int32(below[x]) - here)
    steps[width - 1] = abs(np.int32(below[width - 1]) - np.int32(line[width - 1]))


@njit(nogil=True, cache=True)
def _add_weighted(band: npt.NDArray[np.int64], line: npt.NDArray[np.integer[Any]], weight: int) -> None:
    for x in range(band.size):
        band[x] += weight * line[x]


@njit(nogil=True, cache=True)
def _sum_cells(band: npt.NDArray[np.int64], sums: npt.NDArray[np.int64]) -> None:
    """Sums of a band over equal cells, each pixel `sums.size` units wide and each cell `band.size`."""
    columns = sums.size
    for column in range(columns):
        start = column * band.size
        end = start + band.size
        first, last = start // columns, end // columns
        total = -(start - first * columns) * band[first]
        for x in range(first, last):
            total += columns * band[x]
        if last < band.size:
            total += (end - last * columns) * band[last]
        sums[column] = total


@njit(nogil=True, cache=True)
def _rounded_means(sums: npt.NDArray[np.int64], area: int) -> npt.NDArray[np.uint8]:
    means = np.empty(sums.shape, np.uint8)
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            means[y, x] = (2 * sums[y, x] + area) // (2 * area)
    return means


@njit(nogil=True, cache=True)
def _detail(sums: npt.NDArray[np.int64], area: int) -> npt.NDArray[np.uint8]:
    detail = np.empty((sums.shape[0] // 2, sums.shape[1] // 2), np.uint8)
    for y in range(detail.shape[0]):
        for x in range(detail.shape[1]):
            total = sums[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].sum()
            detail[y, x] = int(8.0 * math.log2(1.0 + total / (4.0 * area)) + 0.5)
    return detail


_LOG2_LUMA = np.array([round(_LOG2_UNIT * math.log2(1 + level)) for level in range(256)], np.int32)

"""The signature: what the selector remembers of a frame, and its packed form."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selector.domain.grids import DETAIL_SHAPE, LUMA_SHAPE
from selector.domain.image_header import ImageKind

SIGNATURE_VERSION = 3

LOG_LUMA_STEPS = 8191
SHARE_STEPS = 65535
CHROMA_STEPS = 64
"""Steps of the packed form: a unit of log luma, the whole picture, a level of chroma."""

_HAS_AC_BITS, _HAS_CHROMA = 1, 2
_KINDS = (ImageKind.JPEG, ImageKind.PNG)
_HEAD = struct.Struct(">BBBIIIHH8s4h")
_LUMA_CELLS = LUMA_SHAPE[0] * LUMA_SHAPE[1]
_DETAIL_CELLS = DETAIL_SHAPE[0] * DETAIL_SHAPE[1]


class Chroma(NamedTuple):
    """Mean and standard deviation of Cb and Cr over a JPEG's blocks, in levels from the neutral one."""

    cb_mean: float
    cr_mean: float
    cb_spread: float
    cr_spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """About 1.8 KB that stand for a frame in every decision.

    `luma` is uint8 (30, 40), block means of the reduced grey picture; `gradient` is uint8 (15, 20),
    `round(8*log2(1+g))` of the tile's mean |dx|+|dy| in grey levels; `ac_bits` has the same shape and scale
    for the largest JPEG AC bits of a block in the tile. `mean_log_luma` is the mean of log2(1+grey level), 0..8;
    `saturated_share` the share of pixels >= 251; `quantisation_hash` 8 bytes. `ac_bits` and `chroma` are None
    where the image is no JPEG or one that only OpenCV reads, `ac_bits` also for a progressive one and for one of fewer
    blocks than tiles. All values are held at the precision of the packed form, so a
    stored signature decides as the fresh one did. The arrays are read-only.
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
    chroma: Chroma | None = None

    def to_bytes(self) -> bytes:
        """The packed form, 1,535 bytes and 300 for `ac_bits`: big-endian scalars, then the grids row by row."""
        flags = (_HAS_AC_BITS if self.ac_bits is not None else 0) | (_HAS_CHROMA if self.chroma is not None else 0)
        return b"".join(
            (
                _HEAD.pack(
                    SIGNATURE_VERSION,
                    flags,
                    _KINDS.index(self.kind),
                    self.width,
                    self.height,
                    self.size_bytes,
                    round(self.mean_log_luma * LOG_LUMA_STEPS),
                    round(self.saturated_share * SHARE_STEPS),
                    self.quantisation_hash,
                    *(round(value * CHROMA_STEPS) for value in self.chroma or (0, 0, 0, 0)),
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
        _, flags, kind, width, height, size_bytes, log_luma, share, tables, *chroma = _HEAD.unpack_from(packed)
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
            mean_log_luma=log_luma / LOG_LUMA_STEPS,
            saturated_share=share / SHARE_STEPS,
            quantisation_hash=tables,
            luma=values[:_LUMA_CELLS].reshape(LUMA_SHAPE),
            gradient=detail[0],
            ac_bits=detail[1] if flags & _HAS_AC_BITS else None,
            chroma=Chroma(*(value / CHROMA_STEPS for value in chroma)) if flags & _HAS_CHROMA else None,
        )

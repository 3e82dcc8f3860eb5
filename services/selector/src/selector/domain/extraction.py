"""From an image's bytes to its signature."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from selector.domain.grids import detail_grid, grey_grids
from selector.domain.image_header import MAX_PIXELS, ImageHeader, ImageKind, Unreadable, read_header
from selector.domain.jpeg import DcImage, decode_dc
from selector.domain.signature import CHROMA_STEPS, LOG_LUMA_STEPS, SHARE_STEPS, Chroma, Signature

EIGHTH = 8
_SCALES = (
    (EIGHTH, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
_MIN_WIDTH, _MIN_HEIGHT = 80, 60


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """`max_pixels`: a larger picture is unreadable, before anything of it is decoded."""

    max_pixels: int = MAX_PIXELS


def extract(image: bytes, limits: ExtractionLimits) -> Signature | Unreadable:
    """The signature of a JPEG or PNG, or why there is none; never raises for what the bytes are.

    Depends on the bytes alone (EXIF orientation is ignored). Safe to call from many threads: decoding and the
    grids release the GIL.
    """
    header = read_header(image, max_pixels=limits.max_pixels)
    if isinstance(header, Unreadable):
        return header
    coefficients = decode_dc(image) if header.kind is ImageKind.JPEG else None
    factor, flag = _scale(header)
    if coefficients is not None and factor == EIGHTH:
        grey: npt.NDArray[np.uint8] | None = coefficients.luma
    else:
        try:
            grey = _decode_reduced(image, header, factor, flag)
        except cv2.error as error:
            return Unreadable(f"damaged: the {header.kind} decoder failed ({error.err})")
    if grey is None:
        return Unreadable(f"damaged: the {header.kind} decoder found no picture")
    # Of a PNG, whole squares of pixels only.
    height, width = min(header.height, factor * grey.shape[0]), min(header.width, factor * grey.shape[1])
    luma, gradient, log_luma, saturated = grey_grids(grey, width, height, factor)
    ac_bits = None
    if coefficients is not None and coefficients.ac_bits is not None:
        ac_bits = detail_grid(coefficients.ac_bits)
    for grid in (luma, gradient, ac_bits):
        if grid is not None:
            grid.flags.writeable = False
    return Signature(
        kind=header.kind,
        width=header.width,
        height=header.height,
        size_bytes=len(image),
        mean_log_luma=round(log_luma * LOG_LUMA_STEPS) / LOG_LUMA_STEPS,
        saturated_share=round(saturated * SHARE_STEPS) / SHARE_STEPS,
        quantisation_hash=header.quantisation_hash,
        luma=luma,
        gradient=gradient,
        ac_bits=ac_bits,
        chroma=_chroma(coefficients),
    )


def _chroma(coefficients: DcImage | None) -> Chroma | None:
    if coefficients is None:
        return None
    values = (*coefficients.chroma_means, *coefficients.chroma_spreads)
    # No picture has more than 128 levels; damage may.
    return Chroma(*(round(min(max(value, -500.0), 500.0) * CHROMA_STEPS) / CHROMA_STEPS for value in values))


def _scale(header: ImageHeader) -> tuple[int, int]:
    """The strongest of 1/8, 1/4, 1/2 that leaves 80x60 pixels, else 1, with OpenCV's flag for it."""
    return next(
        (
            (factor, flag)
            for factor, flag in _SCALES
            if header.width >= _MIN_WIDTH * factor and header.height >= _MIN_HEIGHT * factor
        ),
        (1, cv2.IMREAD_GRAYSCALE),
    )


def _decode_reduced(image: bytes, header: ImageHeader, factor: int, flag: int) -> npt.NDArray[np.uint8] | None:
    """Grey uint8 at 1/factor; None if damaged."""
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

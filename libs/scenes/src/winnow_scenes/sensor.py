"""The sensor: a coding in which its noise is the same everywhere, a pool of noise, the tone curve.

Shot noise grows with the light and read noise does not: var(L) = L / FULL_WELL + READ^2. In the coding
v = OFFSET + SCALE * (sqrt(L + E) - sqrt(E)), E = FULL_WELL * READ^2, both become one constant sigma
(generalised Anscombe transform; Starck, Murtagh, Bijaoui 1998). So a frame is 8-bit codes plus one field of
noise, wrapping addition being safe because codes keep OFFSET levels away from both ends.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from winnow_scenes.camera import Floats, floats

FULL_WELL = 4200.0
READ_ELECTRONS = 6.0
E = READ_ELECTRONS**2 / FULL_WELL
BRIGHTEST = 1.3
OFFSET = 22
SCALE = (255 - 2 * OFFSET) / (np.sqrt(BRIGHTEST + E) - np.sqrt(E))
SIGMA = float(SCALE / (2 * np.sqrt(FULL_WELL)))
SHIFTS = 128

Picture = NDArray[np.uint8]


def coded(light: Floats) -> Floats:
    """Linear light (1 = nominal white) -> codes, float32 in [OFFSET, 255 - OFFSET]."""
    clipped = np.clip(light, 0, BRIGHTEST)
    return np.asarray(OFFSET + SCALE * (np.sqrt(clipped + E) - np.sqrt(E)), np.float32)


def tone_curve(gain: float) -> Picture:
    """uint8 (256,) table from codes to the picture's levels: exposure, soft shoulder, sRGB gamma."""
    code = np.arange(256, dtype=np.float64)
    light = gain * np.maximum((np.maximum(code - OFFSET, -OFFSET) / SCALE + np.sqrt(E)) ** 2 - E, 0)
    shoulder = np.where(light > 0.7, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.45), light)
    srgb = np.where(shoulder < 0.0031308, 12.92 * shoulder, 1.055 * shoulder ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.round(8 + 246 * srgb), 0, 255), np.uint8)


class NoisePool:
    """Fields of noise from which every frame takes one at a random shift, so frames are independent."""

    def __init__(self, seed: int, height: int, width: int, sigma: float, fields: int = 3) -> None:
        self._height, self._width = height, width
        self._fields = [_field(seed + n, height + SHIFTS, width + SHIFTS, sigma) for n in range(fields)]

    def add(self, codes: Picture, rng: np.random.Generator) -> None:
        """Adds noise in place to uint8 (height, width, 3) codes."""
        which, y, x = (int(rng.integers(n)) for n in (len(self._fields), SHIFTS, SHIFTS))
        noise = self._fields[which][y : y + self._height, x : x + self._width]
        np.add(codes, noise, out=codes)


def _field(seed: int, height: int, width: int, sigma: float) -> Picture:
    """Mostly common to the three colours and a little smooth, as interpolation from one mosaic leaves it."""
    rng = np.random.default_rng([seed, 0x5E])
    noise = rng.standard_normal((height, width, 1), np.float32) * np.float32(0.8)
    noise = noise + rng.standard_normal((height, width, 3), np.float32) * floats([0.8, 0.5, 0.7])
    noise = floats(cv2.GaussianBlur(noise, (3, 3), 0.45))
    noise *= np.float32(sigma / noise.std())
    limited = np.clip(np.round(noise), -OFFSET + 1, OFFSET - 1).astype(np.int8)
    return limited.view(np.uint8)

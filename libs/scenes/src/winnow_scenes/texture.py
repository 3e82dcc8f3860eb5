"""Texture from seeded fractal noise, laid on surfaces by their coordinates in metres."""

from __future__ import annotations

import cv2
import numpy as np

from winnow_scenes.camera import Floats

TILE = 1024


def fractal_tile(seed: int, slope: float = 1.0) -> Floats:
    """(TILE, TILE) float32 with a 1/f^slope spectrum, mean 0, deviation 1; it repeats without a seam."""
    rng = np.random.default_rng([seed, 0x7E])
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE), np.float32))
    fy, fx = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1
    tile = np.fft.irfft2(spectrum / radius**slope)
    tile -= tile.mean()
    return np.asarray(tile / tile.std(), np.float32)


def laid(tile: Floats, u: Floats, v: Floats, tile_m: float) -> Floats:
    """The tile, `tile_m` metres wide, at surface coordinates (h, w) u and v in metres."""
    scale = np.float32(TILE / tile_m)
    # remap takes 16-bit coordinates at most and wraps them itself only slowly.
    return np.asarray(
        cv2.remap(
            tile,
            np.mod(u * scale, TILE - 1).astype(np.float32),
            np.mod(v * scale, TILE - 1).astype(np.float32),
            cv2.INTER_LINEAR,
        ),
        np.float32,
    )

"""A pinhole camera in a right-handed world: x to the right, y away from the camera, z up, metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float32]

NEAR_M = 0.15


def floats(values: ArrayLike) -> Floats:
    """An array of float32."""
    return np.asarray(values, np.float32)


@dataclass(frozen=True)
class PinholeCamera:
    """Where the camera stands (`position`, m), what it looks at (`target`, m) and how wide it sees."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    horizontal_fov_deg: float
    width: int
    height: int
    roll_deg: float = 0.0

    @property
    def focal_px(self) -> float:
        return self.width / (2 * float(np.tan(np.radians(self.horizontal_fov_deg) / 2)))

    def axes(self) -> NDArray[np.float64]:
        """(3, 3) rows: right, down and forward of the picture as unit vectors of the world."""
        forward = np.subtract(self.target, self.position)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        roll = np.radians(self.roll_deg)
        right, down = (
            right * np.cos(roll) + down * np.sin(roll),
            down * np.cos(roll) - right * np.sin(roll),
        )
        return np.stack([right, down, forward])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """World points (n, 3) -> pixels (n, 2) float32 and depth along the view axis (n,) in metres."""
        seen = (points - floats(self.position)) @ self.axes().T.astype(np.float32)
        depth = np.maximum(seen[:, 2], np.float32(NEAR_M))
        centre = floats([self.width / 2, self.height / 2])
        pixels = seen[:, :2] / depth[:, None] * np.float32(self.focal_px) + centre
        return pixels.astype(np.float32), seen[:, 2].astype(np.float32)

    def rays(self) -> Floats:
        """(height, width, 3) float32 world directions through the pixel centres, forward component 1."""
        right, down, forward = self.axes().astype(np.float32)
        u = (np.arange(self.width, dtype=np.float32) + 0.5 - self.width / 2) / np.float32(self.focal_px)
        v = (np.arange(self.height, dtype=np.float32) + 0.5 - self.height / 2) / np.float32(self.focal_px)
        rays = u[None, :, None] * right + v[:, None, None] * down + forward
        return floats(rays)

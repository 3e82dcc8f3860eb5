"""What lights a scene: one main source with a direction, the sky or the room around, and lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from winnow_scenes.camera import Floats, floats

Colour = tuple[float, float, float]
"""Linear blue, green, red."""


@dataclass(frozen=True)
class Lamp:
    """A point source: position in metres, and its irradiance straight below at one metre."""

    position: tuple[float, float, float]
    colour: Colour


@dataclass(frozen=True)
class Light:
    """`to_source` is a vector towards the main source; colours are linear irradiance on a facing surface."""

    to_source: tuple[float, float, float]
    main: Colour
    ambient: Colour
    lamps: tuple[Lamp, ...] = ()
    shadow_blur: float = 0.012
    """Sigma of a shadow's edge as a share of the picture's width."""

    def direction(self) -> Floats:
        vector = floats(self.to_source)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def shadow_share(self) -> float:
        """How much of the light on level ground the main source gives: what a full shadow takes away."""
        main = sum(self.main) * float(self.direction()[2])
        return main / (main + sum(self.ambient))

    def irradiance(self, points: Floats, normals: Floats) -> Floats:
        """Light on surfaces: points and unit normals (..., 3) -> (..., 3) linear."""
        facing = np.maximum(normals @ self.direction(), 0)[..., None]
        sky = (0.65 + 0.35 * normals[..., 2])[..., None]
        total = facing * floats(self.main) + sky * floats(self.ambient)
        for lamp in self.lamps:
            towards = floats(lamp.position) - points
            distance = np.sqrt(np.sum(towards * towards, axis=-1, keepdims=True)) + np.float32(1e-3)
            cosine = np.maximum(np.sum(towards * normals, axis=-1, keepdims=True) / distance, 0.08)
            total = total + cosine / (distance * distance) * floats(lamp.colour)
        return np.asarray(total, np.float32)

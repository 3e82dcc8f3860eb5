"""Objects as coloured quads: a few builders from which every shape of the scenes is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from winnow_scenes.camera import Floats, floats
from winnow_scenes.light import Colour


@dataclass(frozen=True)
class Mesh:
    """Quads with one colour each.

    `quads` float32 (n, 4, 3) corners in metres, counter-clockwise seen from outside (a triangle repeats its
    last corner); `colours` float32 (n, 3) linear albedo BGR; `gloss` float32 (n,) 0..1; `lift` float32 (n,)
    metres by which a quad is drawn as if nearer, for what lies on a surface (labels, windows, wheels).
    """

    quads: Floats
    colours: Floats
    gloss: Floats
    lift: Floats

    def moved(self, x: float, y: float, z: float = 0.0, heading_deg: float = 0.0) -> Mesh:
        """The mesh turned about the vertical axis, then shifted."""
        angle = np.radians(heading_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]], np.float32)
        quads = self.quads @ turn.T + floats([x, y, z])
        return Mesh(quads.astype(np.float32), self.colours, self.gloss, self.lift)


def join(parts: Sequence[Mesh]) -> Mesh:
    return Mesh(
        np.concatenate([part.quads for part in parts]),
        np.concatenate([part.colours for part in parts]),
        np.concatenate([part.gloss for part in parts]),
        np.concatenate([part.lift for part in parts]),
    )


def surface(corners: Sequence[object], colour: Colour, gloss: float = 0.0, lift: float = 0.0) -> Mesh:
    """Quads (n, 4, 3) of one colour."""
    quads = np.asarray(corners, np.float32).reshape(-1, 4, 3)
    count = len(quads)
    return Mesh(
        quads,
        np.tile(floats(colour), (count, 1)),
        np.full(count, gloss, np.float32),
        np.full(count, lift, np.float32),
    )


def cuboid(
    size: tuple[float, float, float],
    colour: Colour,
    centre: tuple[float, float, float] = (0, 0, 0),
    gloss: float = 0.0,
    pieces: int = 1,
) -> Mesh:
    """A box standing on `centre` (the middle of its floor); `pieces` cuts its sides along x."""
    cx, cy, cz = centre
    hx, hy, top = size[0] / 2, size[1] / 2, cz + size[2]
    quads: list[object] = [
        [(cx + hx, cy - hy, cz), (cx + hx, cy + hy, cz), (cx + hx, cy + hy, top), (cx + hx, cy - hy, top)],
        [(cx - hx, cy + hy, cz), (cx - hx, cy - hy, cz), (cx - hx, cy - hy, top), (cx - hx, cy + hy, top)],
    ]
    edges = np.linspace(cx - hx, cx + hx, pieces + 1)
    for a, b in pairwise(edges):
        quads += [
            [(a, cy - hy, cz), (b, cy - hy, cz), (b, cy - hy, top), (a, cy - hy, top)],
            [(b, cy + hy, cz), (a, cy + hy, cz), (a, cy + hy, top), (b, cy + hy, top)],
            [(a, cy - hy, top), (b, cy - hy, top), (b, cy + hy, top), (a, cy + hy, top)],
        ]
    return surface(quads, colour, gloss)


def revolved(
    profile: Sequence[tuple[float, float]], colours: Sequence[Colour], gloss: float, segments: int = 28
) -> Mesh:
    """A body of revolution about z; `profile` is (radius, height) from the bottom up, a colour per ring."""
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    parts = []
    for (r0, z0), (r1, z1), colour in zip(profile[:-1], profile[1:], colours, strict=True):
        low = np.concatenate([ring * r0, np.full((segments + 1, 1), z0)], axis=1)
        high = np.concatenate([ring * r1, np.full((segments + 1, 1), z1)], axis=1)
        parts.append(surface([np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1)], colour, gloss))
    return join(parts)


def limb(
    start: ArrayLike,
    end: ArrayLike,
    radii: tuple[float, float],
    colour: Colour,
    *,
    sides: int = 8,
    depth: float = 1.0,
) -> Mesh:
    """A tapered tube from `start` to `end` with rounded ends; `depth` squashes it along y."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    length = float(np.linalg.norm(b - a))
    axis = (b - a) / max(length, 1e-6)
    side = np.cross(axis, (0.0, 1.0, 0.0))
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-3 else np.array([1.0, 0.0, 0.0])
    other = np.cross(axis, side)
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    circle: NDArray[np.float64] = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * other
    circle[:, 1] *= depth
    r0, r1 = radii
    stations = ((-0.6 * r0, 0.55 * r0), (0.0, r0), (length, r1), (length + 0.6 * r1, 0.55 * r1))
    rings = [a + axis * along + circle * radius for along, radius in stations]
    quads: list[object] = [np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1) for low, high in pairwise(rings)]
    for ring, order in ((rings[0], -1), (rings[-1], 1)):
        fan = ring[::order]
        middle = np.broadcast_to(ring[:-1].mean(axis=0), fan[:-1].shape)
        quads.append(np.stack([middle, fan[:-1], fan[1:], fan[1:]], axis=1))
    return surface([np.concatenate([np.asarray(q).reshape(-1, 4, 3) for q in quads])], colour)


def disc(
    centre: tuple[float, float, float],
    radii: tuple[float, float],
    side: float,
    colour: Colour,
    *,
    lift: float = 0.0,
    segments: int = 20,
) -> Mesh:
    """A disc or ring in the x-z plane that faces -y (`side` -1) or +y (`side` 1); radii inner, outer."""
    angles = np.linspace(0, 2 * np.pi, segments + 1) * -side
    ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    inner, outer = ring * radii[0] + centre, ring * radii[1] + centre
    return surface([np.stack([inner[:-1], outer[:-1], outer[1:], inner[1:]], axis=1)], colour, 0.1, lift)

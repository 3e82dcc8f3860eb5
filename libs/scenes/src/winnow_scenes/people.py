"""People on foot and on a bicycle, from limbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from winnow_scenes.light import Colour
from winnow_scenes.mesh import Mesh, cuboid, disc, join, limb, revolved

SKIN: tuple[Colour, ...] = ((0.32, 0.42, 0.62), (0.18, 0.25, 0.40), (0.08, 0.12, 0.22))
HAIR: tuple[Colour, ...] = ((0.02, 0.02, 0.03), (0.04, 0.08, 0.14), (0.25, 0.28, 0.32))
SHOE: Colour = (0.04, 0.04, 0.04)


@dataclass(frozen=True)
class Clothes:
    """What one person wears: linear BGR albedo."""

    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    bag: Colour | None = None


def walker(clothes: Clothes, height_m: float, phase: float) -> Mesh:
    """A person who walks towards +x; `phase` in steps, an integer where the legs pass each other."""
    s = height_m / 1.75
    swing = np.sin(np.pi * phase)
    hip_z, shoulder_z = 0.92 - 0.025 * abs(swing), 1.42 - 0.025 * abs(swing)
    parts: list[Mesh] = []
    for side, angle in ((-1, 0.46 * swing), (1, -0.46 * swing)):
        hip = np.array([0.0, side * 0.09, hip_z])
        knee = hip + 0.44 * np.array([np.sin(angle + 0.1), 0, -np.cos(angle + 0.1)])
        bend = angle - 0.15 - 0.55 * max(0.0, np.cos(np.pi * phase) * -side)
        ankle = knee + 0.42 * np.array([np.sin(bend), 0, -np.cos(bend)])
        parts.append(limb(hip, knee, (0.085, 0.06), clothes.legs))
        parts.append(limb(knee, ankle, (0.058, 0.042), clothes.legs))
        parts.append(limb(_by(ankle, -0.03, 0, -0.03), _by(ankle, 0.15, 0, -0.04), (0.045, 0.035), SHOE))
        shoulder = np.array([0.0, side * 0.2, shoulder_z - 0.04])
        elbow = shoulder + 0.29 * np.array([np.sin(-0.8 * angle), side * 0.12, -np.cos(0.8 * angle)])
        fore = -0.8 * angle + 0.3
        hand = elbow + 0.25 * np.array([np.sin(fore), 0, -np.cos(fore)])
        parts.append(limb(shoulder, elbow, (0.055, 0.042), clothes.top))
        parts.append(limb(elbow, hand, (0.04, 0.032), clothes.top))
        parts.append(limb(hand, _by(hand, 0.02, 0, -0.08), (0.035, 0.03), clothes.skin))
        if side == 1 and clothes.bag is not None:
            grip = _by(hand, 0.02, 0.02, -0.42)
            parts.append(cuboid((0.34, 0.1, 0.3), clothes.bag, (float(grip[0]), float(grip[1]), float(grip[2]))))
    parts.append(limb((0, 0, hip_z), (0.02, 0, hip_z + 0.2), (0.17, 0.15), clothes.legs, sides=12, depth=0.75))
    parts.append(limb((0.01, 0, hip_z + 0.16), (0.03, 0, shoulder_z), (0.155, 0.19), clothes.top, sides=14, depth=0.95))
    parts.append(_head(clothes).moved(0.05, 0, shoulder_z + 0.2))
    return _scaled(join(parts), s)


def cyclist(clothes: Clothes, frame: Colour, phase: float) -> Mesh:
    """A person who rides a bicycle towards +x; `phase` in half turns of the cranks."""
    black: Colour = (0.03, 0.03, 0.03)
    parts: list[Mesh] = []
    for x in (-0.52, 0.52):
        for side in (-1, 1):
            parts.append(disc((x, side * 0.012, 0.34), (0.295, 0.34), side, black, segments=24))
            parts.append(disc((x, side * 0.012, 0.34), (0.0, 0.03), side, (0.4, 0.4, 0.4)))
    crank, seat, bars = np.array([-0.05, 0, 0.3]), np.array([-0.2, 0, 0.92]), np.array([0.36, 0, 0.98])
    tubes: tuple[tuple[ArrayLike, ArrayLike], ...] = (
        (crank, seat),
        (crank, [0.33, 0, 0.72]),
        (_by(seat, 0.04, 0, -0.16), [0.34, 0, 0.82]),
        (crank, [-0.52, 0, 0.34]),
        (_by(seat, 0.04, 0, -0.16), [-0.52, 0, 0.34]),
        (bars, [0.52, 0, 0.34]),
    )
    parts += [limb(a, b, (0.022, 0.022), frame, sides=6) for a, b in tubes]
    parts.append(limb(_by(seat, -0.12, 0, 0.02), _by(seat, 0.12, 0, 0.02), (0.05, 0.03), black, sides=8))
    parts.append(limb(_by(bars, 0.05, -0.24, 0.05), _by(bars, 0.05, 0.24, 0.05), (0.018, 0.018), black, sides=6))
    for side in (-1, 1):
        angle = np.pi * phase + (np.pi if side == 1 else 0)
        foot = _by(crank + 0.17 * np.array([np.cos(angle), 0, -np.sin(angle)]), 0, side * 0.09, 0.05)
        hip = _by(seat, 0.0, side * 0.08, 0.06)
        knee = _by((hip + foot) / 2, 0.24, side * 0.02, 0.08)
        parts.append(limb(hip, knee, (0.085, 0.06), clothes.legs))
        parts.append(limb(knee, foot, (0.056, 0.04), clothes.legs))
        parts.append(limb(_by(foot, -0.06, 0, -0.03), _by(foot, 0.13, 0, -0.03), (0.04, 0.035), SHOE))
        shoulder = np.array([0.12, side * 0.18, 1.42])
        elbow = _by(shoulder, 0.12, side * 0.05, -0.24)
        parts.append(limb(shoulder, elbow, (0.055, 0.042), clothes.top))
        parts.append(limb(elbow, _by(bars, 0.04, side * 0.22, 0.08), (0.04, 0.032), clothes.skin))
    parts.append(limb(_by(seat, 0, 0, 0.06), (0.12, 0, 1.44), (0.155, 0.18), clothes.top, sides=14, depth=0.9))
    parts.append(_head(clothes).moved(0.22, 0, 1.62))
    return join(parts)


def _by(point: NDArray[np.float64], x: float, y: float, z: float) -> NDArray[np.float64]:
    return np.add(point, (x, y, z))


def _head(clothes: Clothes) -> Mesh:
    angles = np.linspace(-np.pi / 2, np.pi / 2, 11)
    profile = [(0.098 * float(np.cos(a)) + 0.002, 0.125 * float(np.sin(a))) for a in angles]
    colours = [clothes.skin] * 6 + [clothes.hair] * 4
    neck = limb((-0.02, 0, -0.2), (0, 0, -0.08), (0.055, 0.052), clothes.skin)
    cap = cuboid((0.06, 0.13, 0.14), clothes.hair, (-0.075, 0, -0.03))
    return join([neck, revolved(profile, colours, 0.05, 14), cap])


def _scaled(mesh: Mesh, factor: float) -> Mesh:
    return Mesh((mesh.quads * np.float32(factor)).astype(np.float32), mesh.colours, mesh.gloss, mesh.lift)

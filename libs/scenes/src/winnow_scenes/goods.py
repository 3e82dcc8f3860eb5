"""What travels on the conveyor: boxes, bottles, cans and crates."""

from __future__ import annotations

import numpy as np

from winnow_scenes.light import Colour
from winnow_scenes.mesh import Mesh, cuboid, join, revolved, surface

PAPER: Colour = (0.75, 0.78, 0.80)
PRINT: Colour = (0.05, 0.05, 0.05)


def carton(size: tuple[float, float, float], board: Colour, label_at: float) -> Mesh:
    """A taped box, width x depth x height in metres; `label_at` 0..1 places its label along the front."""
    w, d, h = size
    tape: Colour = (board[0] * 1.5 + 0.03, board[1] * 1.3 + 0.02, board[2] * 1.2)
    seam: Colour = (board[0] * 0.45, board[1] * 0.45, board[2] * 0.45)
    parts = [cuboid(size, board, gloss=0.03, pieces=5)]
    top = h + 0.001
    parts.append(_level((-w / 2, w / 2), (-0.028, 0.028), top, tape))
    parts.append(_level((-w / 2, w / 2), (-0.002, 0.002), top + 0.0005, seam))
    for x, sign in ((w / 2 + 0.001, 1), (-w / 2 - 0.001, -1)):
        quad = [(x, -0.028, h * 0.78), (x, 0.028, h * 0.78), (x, 0.028, h), (x, -0.028, h)]
        parts.append(surface([quad if sign > 0 else quad[::-1]], tape, 0.3, 0.02))
    left = -w / 2 + 0.06 * w + label_at * 0.45 * w
    for y in (-d / 2 - 0.001, d / 2 + 0.001):
        parts.append(_upright((left, left + 0.36 * w), (0.35 * h, 0.8 * h), y, PAPER, 0.02))
        for n, share in enumerate((0.9, 0.5, 0.75)):
            z = (0.7 - 0.09 * n) * h
            parts.append(
                _upright((left + 0.03 * w, left + (0.03 + 0.28 * share) * w), (z, z + 0.03 * h), y, PRINT, 0.03)
            )
        for n in range(9):
            x = left + (0.04 + 0.03 * n) * w
            parts.append(_upright((x, x + 0.012 * w), (0.38 * h, 0.47 * h), y, PRINT, 0.03))
    return join(parts)


def bottle(height_m: float, glass: Colour, label: Colour) -> Mesh:
    """A standing bottle with a label and a cap."""
    profile = (
        (0.0, 0.0), (0.130, 0.0), (0.140, 0.02), (0.140, 0.16), (0.142, 0.17), (0.142, 0.48), (0.140, 0.49),
        (0.138, 0.58), (0.118, 0.66), (0.078, 0.74), (0.052, 0.80), (0.048, 0.93), (0.056, 0.935),
        (0.056, 0.99), (0.050, 1.0), (0.0, 1.0),
    )  # fmt: skip
    cap: Colour = (0.1, 0.1, 0.5)
    rim: Colour = (label[0] * 0.4, label[1] * 0.4, label[2] * 0.4)
    colours = [glass, glass, glass, rim, label, rim, glass, glass, glass, glass, glass, cap, cap, cap, cap]
    return revolved([(r * height_m, z * height_m) for r, z in profile], colours, 0.8)


def can(height_m: float, paint: Colour, band: Colour) -> Mesh:
    """A drinks can."""
    metal: Colour = (0.55, 0.55, 0.55)
    profile = (
        (0.0, 0.0), (0.22, 0.0), (0.265, 0.05), (0.27, 0.06), (0.27, 0.32), (0.27, 0.62), (0.27, 0.9),
        (0.225, 0.975), (0.23, 1.0), (0.2, 0.985), (0.0, 0.98),
    )  # fmt: skip
    colours = [metal, metal, metal, paint, band, paint, metal, metal, metal, metal]
    return revolved([(r * height_m, z * height_m) for r, z in profile], colours, 0.9)


def crate(size: tuple[float, float, float], plastic: Colour) -> Mesh:
    """An open stacking crate with ribs and a hand hole in each long side."""
    w, d, h = size
    dark: Colour = (plastic[0] * 0.35, plastic[1] * 0.35, plastic[2] * 0.35)
    wall = 0.02
    parts = [
        cuboid((w, wall, h), plastic, (0, -d / 2 + wall / 2, 0), 0.2, 4),
        cuboid((w, wall, h), plastic, (0, d / 2 - wall / 2, 0), 0.2, 4),
        cuboid((wall, d, h), plastic, (-w / 2 + wall / 2, 0, 0), 0.2),
        cuboid((wall, d, h), plastic, (w / 2 - wall / 2, 0, 0), 0.2),
        _level((-w / 2 + wall, w / 2 - wall), (-d / 2 + wall, d / 2 - wall), 0.03, dark, -0.3),
    ]
    for y in (-d / 2 - 0.001, d / 2 + 0.001):
        parts.append(_upright((-0.14 * w, 0.14 * w), (0.66 * h, 0.82 * h), y, dark, 0.03))
        for x in np.linspace(-0.44, 0.36, 6):
            parts.append(_upright((x * w, (x + 0.08) * w), (0.12 * h, 0.52 * h), y, dark, 0.03))
        parts.append(_upright((-w / 2, w / 2), (0.93 * h, h), y, plastic, 0.02))
    return join(parts)


Span = tuple[float, float]


def _level(x: Span, y: Span, z: float, colour: Colour, lift: float = 0.02) -> Mesh:
    """A rectangle that lies at height `z` and faces up."""
    return surface([[(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]], colour, 0.1, lift)


def _upright(x: Span, z: Span, y: float, colour: Colour, lift: float) -> Mesh:
    """A rectangle that stands at depth `y` and faces away from the middle."""
    quad = [(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])]
    return surface([quad if y < 0 else quad[::-1]], colour, 0.03, lift)

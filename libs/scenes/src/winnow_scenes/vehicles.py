"""Cars and vans: a hull of cross sections along the length, glass, lights and wheels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from winnow_scenes.light import Colour
from winnow_scenes.mesh import Mesh, disc, join, surface

GLASS: Colour = (0.035, 0.03, 0.025)
TYRE: Colour = (0.02, 0.02, 0.02)
RIM: Colour = (0.35, 0.35, 0.35)
TRIM: Colour = (0.03, 0.03, 0.03)
WHITE_LAMP: Colour = (0.8, 0.85, 0.85)
RED_LAMP: Colour = (0.03, 0.03, 0.5)


@dataclass(frozen=True)
class Section:
    """The hull at `x`: floor, shoulder and roof heights, half widths at shoulder and roof (m).

    `top` and `side` say what the piece up to the next section is made of: body or glass.
    """

    x: float
    floor: float
    shoulder: float
    roof: float
    wide: float
    roof_wide: float
    top: str = "body"
    side: str = "body"


CAR = (
    Section(-2.16, 0.42, 0.60, 0.70, 0.74, 0.68),
    Section(-2.06, 0.30, 0.82, 0.96, 0.84, 0.76),
    Section(-1.70, 0.24, 0.90, 1.03, 0.88, 0.74, "glass", "body"),
    Section(-1.02, 0.20, 0.92, 1.40, 0.90, 0.60, "body", "glass"),
    Section(-0.30, 0.20, 0.91, 1.45, 0.90, 0.60, "body", "body"),
    Section(-0.20, 0.20, 0.91, 1.45, 0.90, 0.60, "body", "glass"),
    Section(0.38, 0.20, 0.90, 1.42, 0.90, 0.60, "glass", "glass"),
    Section(1.02, 0.20, 0.88, 1.00, 0.89, 0.72),
    Section(1.80, 0.24, 0.76, 0.86, 0.86, 0.72),
    Section(2.08, 0.30, 0.62, 0.74, 0.80, 0.70),
    Section(2.17, 0.38, 0.52, 0.58, 0.70, 0.64),
)
VAN = (
    Section(-2.45, 0.40, 1.05, 1.90, 0.88, 0.80),
    Section(-2.38, 0.32, 1.08, 2.02, 0.94, 0.86),
    Section(-0.9, 0.28, 1.08, 2.06, 0.96, 0.86),
    Section(0.55, 0.28, 1.08, 2.06, 0.96, 0.86),
    Section(0.65, 0.28, 1.08, 2.05, 0.96, 0.85, "body", "glass"),
    Section(1.30, 0.28, 1.07, 1.95, 0.95, 0.80, "glass", "glass"),
    Section(1.98, 0.28, 1.04, 1.14, 0.93, 0.84),
    Section(2.35, 0.34, 0.86, 0.98, 0.88, 0.80),
    Section(2.48, 0.42, 0.62, 0.70, 0.80, 0.74),
)


def vehicle(sections: Sequence[Section], body: Colour, axles: tuple[float, float], wheel_m: float) -> Mesh:
    """A vehicle that drives towards +x; `axles` are the x of its wheels, `wheel_m` their radius."""
    sill: Colour = (body[0] * 0.55, body[1] * 0.55, body[2] * 0.55)
    parts: list[Mesh] = []
    for a, b in pairwise(sections):
        for sign in (-1, 1):
            waist_a, waist_b = _waist(a), _waist(b)
            lower = [
                (a.x, sign * a.wide * 0.95, a.floor),
                (b.x, sign * b.wide * 0.95, b.floor),
                (b.x, sign * b.wide, waist_b),
                (a.x, sign * a.wide, waist_a),
            ]
            upper = [
                (a.x, sign * a.wide, waist_a),
                (b.x, sign * b.wide, waist_b),
                (b.x, sign * b.wide * 0.97, b.shoulder),
                (a.x, sign * a.wide * 0.97, a.shoulder),
            ]
            house = [
                (a.x, sign * a.wide * 0.97, a.shoulder),
                (b.x, sign * b.wide * 0.97, b.shoulder),
                (b.x, sign * b.roof_wide, b.roof),
                (a.x, sign * a.roof_wide, a.roof),
            ]
            glass = a.side == "glass"
            for quad, colour, gloss in (
                (lower, sill, 0.3),
                (upper, body, 0.5),
                (house, GLASS if glass else body, 0.9 if glass else 0.5),
            ):
                parts.append(surface([quad if sign < 0 else quad[::-1]], colour, gloss))
        top = [
            (a.x, -a.roof_wide, a.roof),
            (b.x, -b.roof_wide, b.roof),
            (b.x, b.roof_wide, b.roof),
            (a.x, a.roof_wide, a.roof),
        ]
        parts.append(surface([top], GLASS if a.top == "glass" else body, 0.9 if a.top == "glass" else 0.5))
    parts += [_end(sections[0], body, -1), _end(sections[-1], body, 1)]
    parts += _wheels(sections, axles, wheel_m)
    parts += _lamps(sections)
    return join(parts)


def _waist(section: Section) -> float:
    return section.floor + 0.45 * (section.shoulder - section.floor)


def _end(section: Section, body: Colour, sign: int) -> Mesh:
    s = section
    quads = [
        [
            (s.x, -low_w * sign, low),
            (s.x, low_w * sign, low),
            (s.x, high_w * sign, high),
            (s.x, -high_w * sign, high),
        ]
        for low, low_w, high, high_w in (
            (s.floor, s.wide * 0.95, s.shoulder, s.wide),
            (s.shoulder, s.wide, s.roof, s.roof_wide),
        )
    ]
    return join([surface([quads[0]], TRIM, 0.2), surface([quads[1]], body, 0.4)])


def _wheels(sections: Sequence[Section], axles: tuple[float, float], radius: float) -> list[Mesh]:
    wide = max(section.wide for section in sections)
    parts = []
    for x in axles:
        for side in (-1, 1):
            y = side * wide * 0.985
            parts.append(disc((x, y, radius), (0, radius * 1.2), side, TRIM, lift=0.30))
            parts.append(disc((x, y * 1.005, radius), (radius * 0.62, radius), side, TYRE, lift=0.34))
            parts.append(disc((x, y * 1.005, radius), (0, radius * 0.64), side, RIM, lift=0.36))
            parts.append(disc((x, y * 1.01, radius), (radius * 0.22, radius * 0.5), side, TYRE, lift=0.38, segments=10))
    return parts


def _lamps(sections: Sequence[Section]) -> list[Mesh]:
    """Lamps wrap the corners: a quad on the flank and one across the slope of each end."""
    parts = []
    for near, far, colour in (
        (sections[1], sections[0], RED_LAMP),
        (sections[-2], sections[-1], WHITE_LAMP),
    ):
        for sign in (-1, 1):
            low, high = 0.72, 1.0
            corners = [
                (near.x, sign * near.wide * 0.99, near.shoulder * low + 0.1),
                (far.x, sign * far.wide * 1.01, far.shoulder * low + 0.16),
                (far.x, sign * far.wide, far.shoulder * high),
                (near.x, sign * near.wide * 0.98, near.shoulder * high),
            ]
            turned = np.sign(far.x - near.x) * sign < 0
            parts.append(surface([corners if turned else corners[::-1]], colour, 0.6, 0.15))
            front = [(far.x * 1.004, sign * far.wide * k, z) for k, z in _front_corners(far)]
            parts.append(surface([front], colour, 0.6, 0.15))
            parts.append(surface([front[::-1]], colour, 0.6, 0.15))
    return parts


def _front_corners(section: Section) -> tuple[tuple[float, float], ...]:
    low, high = section.shoulder - 0.12, section.shoulder
    return ((0.98, low), (0.66, low), (0.66, high), (0.98, high))

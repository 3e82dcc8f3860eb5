"""A works yard: asphalt with two lanes and footways before a warehouse; people, cyclists, cars and vans."""

from __future__ import annotations

from functools import partial

import numpy as np

from winnow_scenes.camera import Floats, PinholeCamera, floats
from winnow_scenes.goods import carton
from winnow_scenes.light import Colour, Lamp, Light
from winnow_scenes.mesh import Mesh, cuboid, join, limb, surface
from winnow_scenes.people import HAIR, SKIN, Clothes, cyclist, walker
from winnow_scenes.texture import laid
from winnow_scenes.vehicles import CAR, VAN, vehicle
from winnow_scenes.visits import Visit
from winnow_scenes.world import Seen, World, meet_level, meet_wall

WALL_Y = 13.0
WALL_TOP = 4.3
WALL_END_X = 7.5
WOOD_Y = 34.0
PAINTS: tuple[Colour, ...] = (
    (0.55, 0.56, 0.56), (0.03, 0.03, 0.035), (0.05, 0.05, 0.32), (0.30, 0.13, 0.04), (0.22, 0.22, 0.22),
    (0.66, 0.68, 0.68), (0.10, 0.16, 0.05), (0.16, 0.35, 0.50),
)  # fmt: skip
CLOTH: tuple[Colour, ...] = (
    (0.05, 0.30, 0.75), (0.30, 0.10, 0.05), (0.06, 0.06, 0.08), (0.5, 0.5, 0.5), (0.06, 0.06, 0.4),
    (0.1, 0.5, 0.55), (0.14, 0.22, 0.1),
)  # fmt: skip
LEGS: tuple[Colour, ...] = ((0.16, 0.07, 0.04), (0.03, 0.03, 0.03), (0.12, 0.15, 0.18), (0.2, 0.28, 0.32))


def surfaces(camera: PinholeCamera, tile: Floats) -> Seen:
    """Ground, warehouse wall, a wood behind, sky."""
    ground, to_ground = meet_level(camera, 0.0)
    wall, to_wall = meet_wall(camera, WALL_Y)
    wood, _ = meet_wall(camera, WOOD_Y)
    wall_seen = (to_wall < to_ground) & (wall[..., 2] < WALL_TOP) & (wall[..., 0] < WALL_END_X)
    ground_seen = np.isfinite(to_ground) & (to_ground <= to_wall) | (
        np.isfinite(to_ground) & ~wall_seen & (ground[..., 1] < WOOD_Y)
    )
    along = wood[..., 0]
    crown = 6.0 + 0.5 * np.sin(along * 0.45) + 0.3 * np.sin(along * 1.7 + 1)
    crown += 0.22 * laid(tile, along, wood[..., 2], 9.0)
    wood_seen = ~ground_seen & ~wall_seen & (wood[..., 2] < crown)
    sky = ~(ground_seen | wall_seen | wood_seen)
    points = np.where(ground_seen[..., None], ground, np.where(wall_seen[..., None], wall, wood))
    normals = np.where(ground_seen[..., None], floats([0, 0, 1]), floats([0, -1, 0]))
    albedo = np.where(ground_seen[..., None], _ground(ground, tile), _wall(wall, tile))
    albedo = np.where(wood_seen[..., None], _wood(wood, tile), albedo)
    clouds = laid(tile, wood[..., 0] * 0.3, wood[..., 2] * 1.2, 90.0)[..., None]
    albedo = np.where(sky[..., None], floats([1.0, 0.93, 0.88]) * (1 + 0.05 * clouds), albedo)
    return Seen(points.astype(np.float32), normals.astype(np.float32), albedo.astype(np.float32), sky)


def _ground(p: Floats, tile: Floats) -> Floats:
    """Asphalt with patches, seams, stains and worn paint; concrete footways with joints."""
    x, y = p[..., 0], p[..., 1]
    far = np.clip(1.6 - y / 14, 0.15, 1)
    grain = laid(tile, x, y, 1.7) * far
    blotch = laid(tile, x + 31, y + 7, 19.0)
    wear = laid(tile, x + 5, y * 1.3, 5.3)
    asphalt = 0.105 + 0.016 * blotch + 0.014 * grain
    tracks = np.exp(-(((y % 3.0) - 0.75) ** 2) / 0.08) + np.exp(-(((y % 3.0) - 2.25) ** 2) / 0.08)
    asphalt -= 0.012 * tracks
    asphalt = np.where((x > 1.2) & (x < 3.9) & (y > 2.2) & (y < 5.4), asphalt * 0.72 + 0.004 * grain, asphalt)
    crack = np.abs(x + 3.1 + 0.35 * laid(tile, y, y * 0.2, 6.0)) < 0.018
    asphalt = np.where(crack & (y > 0) & (y < 6), asphalt * 0.4, asphalt)
    for sx, sy, size in ((-1.6, 1.4, 0.5), (4.6, 4.6, 0.35), (-5.2, 4.4, 0.6)):
        asphalt -= 0.045 * np.exp(-((x - sx) ** 2 + (y - sy) ** 2 * 1.6) / size**2) * (1 + 0.4 * wear)
    grey = np.clip(asphalt, 0.015, 1)[..., None] * floats([0.98, 1.0, 1.0])
    paint = (0.62 + 0.05 * grain) * (1 - 0.25 * np.clip(wear, 0, 2))
    dashes = (np.abs(y - 3.0) < 0.06) & (x % 3.2 < 1.6)
    edges = (np.abs(y - 0.12) < 0.06) | (np.abs(y - 5.9) < 0.06)
    bays = (np.abs((x + 0.2) % 2.7 - 0.1) < 0.05) & (y > 8.6) & (y < 12.4) & (x < 6)
    grey = np.where(((dashes | edges | bays) & (wear < 1.2))[..., None], paint[..., None], grey)
    slab = 0.29 + 0.022 * grain + 0.02 * blotch
    joints = (np.abs(x % 0.9) < 0.02) | (np.abs(y % 0.9) < 0.02)
    slab = np.where(joints, slab * 0.7, slab)
    walk = (y < -0.35) | ((y > 6.3) & (y < 8.1))
    kerb = (np.abs(y + 0.28) < 0.08) | (np.abs(y - 6.22) < 0.08)
    grey = np.where(walk[..., None], slab[..., None] * floats([0.93, 0.98, 1.0]), grey)
    grey = np.where(kerb[..., None], (0.42 + 0.02 * grain)[..., None], grey)
    drain = (np.abs(x - 2.4) < 0.24) & (np.abs(y - 0.42) < 0.17)
    grey = np.where(drain[..., None], np.where((x * 16 % 1 < 0.5)[..., None], 0.02, 0.13), grey)
    grass = floats([0.05, 0.15, 0.11]) * (1 + 0.3 * grain[..., None] + 0.2 * wear[..., None])
    return np.where((y > 15)[..., None], grass, grey).astype(np.float32)


def _wall(p: Floats, tile: Floats) -> Floats:
    """Corrugated sheet on a brick base, a gate, two windows, streaks below the gutter."""
    x, z = p[..., 0], p[..., 2]
    streak = laid(tile, x * 1.0, z * 0.08, 4.0)
    ridge = np.abs((x * 4) % 1 - 0.5)
    sheet = (0.42 + 0.10 * (ridge - 0.25) + 0.018 * streak)[..., None] * floats([1.0, 0.96, 0.86])
    row = np.floor(z / 0.085)
    brick_x = (x + 0.5 * (row % 2) * 0.25) % 0.25
    mortar = (z % 0.085 < 0.012) | (brick_x < 0.012)
    tint = laid(tile, np.floor((x + 0.125 * (row % 2)) / 0.25) * 3.7, row * 2.9, 50.0)
    brick = floats([0.10, 0.14, 0.27]) * (1 + 0.16 * tint[..., None])
    brick = np.where(mortar[..., None], floats([0.3, 0.32, 0.33]), brick)
    wall = np.where((z < 1.1)[..., None], brick, sheet)
    wall = np.where((np.abs(z - 1.12) < 0.03)[..., None], 0.2, wall)
    gate = (np.abs(x + 1.6) < 1.7) & (z < 3.2)
    slats = np.where(z % 0.22 < 0.02, 0.10, 0.20) + 0.012 * streak
    wall = np.where(gate[..., None], slats[..., None] * floats([1.25, 0.8, 0.5]), wall)
    frame = (np.abs(x + 1.6) < 1.82) & (z < 3.34) & ~gate
    wall = np.where(frame[..., None], floats([0.12, 0.5, 0.55]) * (0.95 + 0.05 * streak[..., None]), wall)
    for centre in (-7.2, 3.6):
        inside = (np.abs(x - centre) < 1.0) & (np.abs(z - 2.6) < 0.5)
        bars = (np.abs((x - centre) % 0.66) < 0.03) | (np.abs(z - 2.6) < 0.025)
        pane = floats([0.11, 0.10, 0.09]) * (1 + 0.5 * (z[..., None] - 2.6))
        rim = (np.abs(x - centre) < 1.07) & (np.abs(z - 2.6) < 0.57)
        wall = np.where(rim[..., None], 0.55, wall)
        wall = np.where(inside[..., None], np.where(bars[..., None], 0.5, pane), wall)
    wall = np.where((z > WALL_TOP - 0.16)[..., None], 0.16, wall)
    return np.asarray(wall * (1 - 0.25 * np.exp(-np.maximum(z, 0)[..., None] / 0.12)), np.float32)


def _wood(p: Floats, tile: Floats) -> Floats:
    leaves = laid(tile, p[..., 0], p[..., 2], 7.0)[..., None] + laid(tile, p[..., 0], p[..., 2], 23.0)[..., None]
    return np.asarray(floats([0.06, 0.13, 0.10]) * np.clip(1 + 0.28 * leaves, 0.15, 3), np.float32)


def _furniture() -> tuple[tuple[Mesh, float], ...]:
    brown: Colour = (0.12, 0.22, 0.34)
    pallet = join(
        [cuboid((1.2, 0.1, 0.14), brown, (0, y, 0)) for y in (-0.35, 0, 0.35)]
        + [cuboid((1.2, 0.8, 0.03), (0.2, 0.33, 0.46), (0, 0, 0.14))]
    )
    stack = [pallet.moved(0, 0, 0.17 * n, 2.0 * (n % 2)) for n in range(5)]
    goods = [pallet, *(carton((0.55, 0.36, 0.4), (0.16, 0.28, 0.42), 0.5).moved(x, y, 0.17 + z)
                       for x, y, z in ((-0.28, -0.19, 0), (0.29, -0.19, 0), (-0.28, 0.19, 0), (0.29, 0.19, 0),
                                       (-0.2, -0.15, 0.4)))]  # fmt: skip
    container = cuboid((5.6, 2.2, 2.4), (0.20, 0.11, 0.05), pieces=56)
    ribs = np.arange(len(container.colours)) % 6 < 3
    container.colours[ribs] *= 0.78
    bollard = join(
        [cuboid((0.14, 0.14, 0.9), (0.05, 0.45, 0.6)), cuboid((0.145, 0.145, 0.18), (0.03, 0.03, 0.03), (0, 0, 0.5))]
    )
    post = join(
        [
            limb((0, 0, 0), (0, 0, 5.4), (0.08, 0.05), (0.3, 0.3, 0.3)),
            limb((0, 0, 5.4), (-1.0, 0, 5.5), (0.04, 0.04), (0.3, 0.3, 0.3)),
        ]
    )
    sign = surface([[(-0.5, 0, 2.4), (0.5, 0, 2.4), (0.5, 0, 3.1), (-0.5, 0, 3.1)]], (0.5, 0.3, 0.1))
    return (
        (join(stack).moved(4.2, 12.2), 0.0),
        (join(goods).moved(1.6, 11.9, 0, 8), 0.0),
        (container.moved(10.8, 14.5, 0, -12), 0.0),
        (vehicle(VAN, (0.6, 0.62, 0.62), (-1.55, 1.5), 0.35).moved(-6.6, 10.4, 0, 90), 0.0),
        (vehicle(CAR, (0.2, 0.2, 0.2), (-1.32, 1.32), 0.31).moved(-9.3, 10.6, 0, 90), 0.0),
        (bollard.moved(-3.9, 12.4), 0.0),
        (bollard.moved(0.7, 12.4), 0.0),
        (post.moved(6.6, 9.3), 0.0),
        (sign.moved(-4.6, WALL_Y - 0.05), 0.0),
    )


def _clothes(rng: np.random.Generator) -> Clothes:
    bag = _pick(PAINTS, rng) if rng.random() < 0.3 else None
    return Clothes(_pick(CLOTH, rng), _pick(LEGS, rng), _pick(SKIN, rng), _pick(HAIR, rng), bag)


def _pick(colours: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def visit(number: int, start_s: float, rng: np.random.Generator) -> Visit:
    """Somebody or something crosses the yard from one side to the other."""
    label = str(rng.choice(YARD.classes, p=[0.38, 0.16, 0.32, 0.14]))
    heading = 1 if rng.random() < 0.5 else -1
    clothes, paint = _clothes(rng), PAINTS[int(rng.integers(len(PAINTS)))]
    height = float(rng.uniform(1.6, 1.92))
    spare = float(rng.uniform(-0.25, 0.25))
    if label == "person":
        near = rng.random() < 0.7
        lane, reach, speed = (-1.2 + 2 * spare, 8.5, 1.9) if near else (7.1 + spare, 12.5, 2.3)
        shape = partial(_walking, clothes, height)
    elif label == "bicycle":
        lane, reach, speed = (1.0 if heading > 0 else 5.2) + spare, 10.5, 4.2
        shape = partial(_riding, clothes, paint)
    elif label == "car":
        lane, reach, speed = (1.5 if heading > 0 else 4.5) + spare, 13.0, 6.5
        shape = partial(_driving, vehicle(CAR, paint, (-1.32, 1.32), 0.31))
    else:
        lane, reach, speed = (1.5 if heading > 0 else 4.5) + spare, 13.5, 5.5
        shape = partial(_driving, vehicle(VAN, paint, (-1.55, 1.5), 0.35))
    speed *= float(rng.uniform(0.8, 1.2))

    def pose(since_s: float) -> Mesh:
        gone = since_s * speed
        return shape(gone).moved(heading * (gone - reach), lane, 0.0, 0.0 if heading > 0 else 180.0)

    return Visit(number, label, start_s, start_s + 2 * reach / speed, pose)


def _walking(clothes: Clothes, height: float, gone_m: float) -> Mesh:
    return walker(clothes, height, gone_m / 0.78)


def _riding(clothes: Clothes, frame: Colour, gone_m: float) -> Mesh:
    return cyclist(clothes, frame, gone_m / 2.6)


def _driving(hull: Mesh, _gone_m: float) -> Mesh:
    return hull


YARD = World(
    classes=("person", "bicycle", "car", "van"),
    cameras=(
        ((0.0, -9.0, 4.4), (0.0, 3.6, 0.55), 60.0),
        ((7.5, -8.0, 5.4), (-0.6, 3.2, 0.3), 62.0),
    ),
    day=Light((-0.85, -0.3, 0.85), (1.22, 1.34, 1.42), (0.46, 0.42, 0.38), shadow_blur=0.005),
    night=Light(
        (0.3, -0.4, 0.9),
        (0.012, 0.010, 0.009),
        (0.020, 0.016, 0.014),
        (Lamp((5.6, 8.6, 5.4), (1.2, 2.1, 2.8)), Lamp((-1.6, 12.2, 3.9), (1.2, 1.5, 1.6))),
        shadow_blur=0.02,
    ),
    surfaces=surfaces,
    furniture=_furniture(),
    ground_z=0.0,
    fog_range_m=22.0,
    cloud=0.05,
    drift=0.05,
    visit=visit,
)

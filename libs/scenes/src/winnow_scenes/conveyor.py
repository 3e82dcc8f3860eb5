"""A roller conveyor in a hall: cartons, crates, bottles and cans roll by."""

from __future__ import annotations

import numpy as np

from winnow_scenes.camera import Floats, PinholeCamera, floats
from winnow_scenes.goods import bottle, can, carton, crate
from winnow_scenes.light import Colour, Lamp, Light
from winnow_scenes.mesh import Mesh, cuboid, join, limb, surface
from winnow_scenes.texture import laid
from winnow_scenes.visits import Visit
from winnow_scenes.world import Seen, World, meet_level, meet_wall

BED_Z = 0.8
HALF_M = 0.34
ROLLER_M = 0.085
WALL_Y = 3.4
BOARDS: tuple[Colour, ...] = ((0.17, 0.29, 0.43), (0.13, 0.22, 0.34), (0.5, 0.53, 0.55), (0.2, 0.31, 0.4))
PLASTICS: tuple[Colour, ...] = ((0.35, 0.1, 0.03), (0.05, 0.05, 0.4), (0.08, 0.3, 0.05), (0.16, 0.16, 0.16))
GLASSES: tuple[Colour, ...] = ((0.03, 0.09, 0.02), (0.02, 0.04, 0.09), (0.2, 0.2, 0.17), (0.45, 0.35, 0.2))
LABELS: tuple[Colour, ...] = ((0.7, 0.72, 0.74), (0.1, 0.1, 0.55), (0.1, 0.5, 0.6), (0.4, 0.2, 0.05))


def surfaces(camera: PinholeCamera, tile: Floats) -> Seen:
    """The roller bed, the hall's floor and its back wall."""
    bed, to_bed = meet_level(camera, BED_Z)
    floor, to_floor = meet_level(camera, 0.0)
    wall, to_wall = meet_wall(camera, WALL_Y)
    bed_seen = np.isfinite(to_bed) & (np.abs(bed[..., 1]) < HALF_M)
    wall_seen = ~bed_seen & (to_wall < to_floor)
    points = np.where(bed_seen[..., None], bed, np.where(wall_seen[..., None], wall, floor))
    normals = np.where(wall_seen[..., None], floats([0, -1, 0]), floats([0, 0, 1]))
    across = (bed[..., 0] % ROLLER_M) / ROLLER_M * 2 - 1
    rim = np.clip(across / 0.86, -1, 1)
    steel_normal = np.stack([rim, np.zeros_like(rim), np.sqrt(1 - rim**2 + 1e-4)], axis=-1)
    normals = np.where((bed_seen & (np.abs(across) < 0.86))[..., None], steel_normal, normals)
    albedo = np.where(bed_seen[..., None], _rollers(bed, across, tile), _floor(floor, tile))
    albedo = np.where(wall_seen[..., None], _wall(wall, tile), albedo)
    return Seen(
        points.astype(np.float32), normals.astype(np.float32), albedo.astype(np.float32),
        np.zeros(bed_seen.shape, np.bool_),
    )  # fmt: skip


def _rollers(p: Floats, across: Floats, tile: Floats) -> Floats:
    """Galvanised rollers, each a little different, the middle polished; the dark of the gap between them."""
    x, y = p[..., 0], p[..., 1]
    number = np.floor(x / ROLLER_M)
    own = laid(tile, number * 0.37, number * 0.11, 3.0)
    scratches = laid(tile, x * 0.3, y * 3.0, 0.9)
    steel = 0.34 + 0.03 * own + 0.022 * scratches + 0.05 * np.exp(-((y / 0.2) ** 2))
    glint = 0.5 * np.exp(-(((across + 0.28) / 0.16) ** 2)) + 0.22 * np.exp(-(((across - 0.35) / 0.1) ** 2))
    metal = (steel + glint)[..., None] * floats([1.0, 0.98, 0.95])
    gap = 0.018 + 0.006 * np.clip(scratches, 0, 2)
    ends = np.abs(np.abs(y) - HALF_M) < 0.02
    metal = np.where(ends[..., None], metal * 0.45, metal)
    return np.where((np.abs(across) < 0.86)[..., None], metal, gap[..., None]).astype(np.float32)


def _floor(p: Floats, tile: Floats) -> Floats:
    """Sealed concrete: stains, joints, a yellow line along the conveyor."""
    x, y = p[..., 0], p[..., 1]
    grain, blotch = laid(tile, x, y, 0.9), laid(tile, x + 11, y + 3, 5.0)
    grey = 0.21 + 0.012 * grain + 0.03 * blotch
    grey = np.where((np.abs(x % 2.0 - 1.0) < 0.006) | (np.abs(y - 1.1) < 0.006), grey * 0.5, grey)
    under = np.exp(-((np.abs(y) / 0.55) ** 4))
    slab = (grey * (1 - 0.6 * under))[..., None] * floats([0.94, 0.99, 1.0])
    line = (np.abs(np.abs(y) - 0.95) < 0.05) & (laid(tile, x, y, 2.1) < 1.3)
    return np.where(line[..., None], floats([0.06, 0.42, 0.52]) * (1 + 0.06 * grain[..., None]), slab).astype(
        np.float32
    )


def _wall(p: Floats, tile: Floats) -> Floats:
    """Painted block wall with a darker skirting and a cable tray."""
    x, z = p[..., 0], p[..., 2]
    row = np.floor(z / 0.2)
    joint = (z % 0.2 < 0.01) | ((x + 0.2 * (row % 2)) % 0.4 < 0.01)
    paint = (0.46 + 0.012 * laid(tile, x, z, 1.3) + 0.02 * laid(tile, x, z, 6.0)) * np.where(joint, 0.86, 1.0)
    wall = paint[..., None] * floats([0.95, 1.0, 0.98])
    wall = np.where((z < 1.0)[..., None], paint[..., None] * floats([0.62, 0.5, 0.38]), wall)
    tray = np.abs(z - 2.05) < 0.05
    return np.where(tray[..., None], 0.25, wall).astype(np.float32)


def _furniture() -> tuple[tuple[Mesh, float], ...]:
    aluminium: Colour = (0.42, 0.42, 0.41)
    steel: Colour = (0.12, 0.12, 0.12)
    bed = [cuboid((8, 0.05, 0.17), aluminium, (0, side * (HALF_M + 0.025), BED_Z - 0.12), 0.25, 40) for side in (-1, 1)]
    legs = [cuboid((0.06, 0.06, BED_Z - 0.12), aluminium, (x, -HALF_M - 0.02, 0), 0.1) for x in (-2.7, -0.9, 0.9, 2.7)]
    guides = []
    for y in (-0.45, 0.45):
        guides.append(limb((-4, y, BED_Z + 0.13), (4, y, BED_Z + 0.13), (0.011, 0.011), (0.5, 0.5, 0.5), sides=6))
        for x in (-1.7, -0.55, 0.6, 1.75):
            guides.append(limb((x, y, BED_Z - 0.05), (x, y, BED_Z + 0.13), (0.012, 0.012), steel, sides=6))
    eye = join(
        [cuboid((0.05, 0.04, 0.09), (0.03, 0.3, 0.6)), _plate((0, 0.04), (0.024, 0.024), -0.021, (0.02, 0.02, 0.3))]
    )
    front = -0.203
    cabinet = join(
        [
            cuboid((0.9, 0.4, 1.9), (0.45, 0.44, 0.42), gloss=0.1, pieces=3),
            _plate((-0.25, 1.5), (0.06, 0.06), front, (0.05, 0.4, 0.05)),
            _plate((-0.10, 1.5), (0.06, 0.06), front, (0.03, 0.03, 0.5)),
            _plate((0.05, 1.5), (0.06, 0.06), front, (0.05, 0.45, 0.6)),
            _plate((-0.1, 1.1), (0.4, 0.26), front, (0.08, 0.07, 0.05)),
            _plate((0.315, 0.9), (0.03, 0.2), front, (0.03, 0.03, 0.03)),
        ]
    )
    pile = [
        carton((0.5, 0.4, 0.35), BOARDS[n % 2], 0.3 * n).moved(x, y, z, turn)
        for n, (x, y, z, turn) in enumerate(((0, 0, 0, 4), (0.55, 0.05, 0, -5), (0.2, 0, 0.35, 9), (1.1, 0.1, 0, 2)))
    ]
    bin_ = crate((0.6, 0.4, 0.32), PLASTICS[0])
    return (
        (cabinet.moved(-1.25, 2.9), 0.0),
        (join(pile).moved(0.75, 2.6), 0.0),
        (join([bin_, bin_.moved(0.01, 0, 0.32, 2)]).moved(2.5, 2.2, 0, -8), 0.0),
        (join([*legs, *bed]), 0.0),
        (join([*guides, eye.moved(-0.55, 0.47, BED_Z + 0.12)]), BED_Z),
    )  # fmt: skip


def _plate(at: tuple[float, float], size: tuple[float, float], y: float, colour: Colour) -> Mesh:
    """A rectangle, width and height `size`, that faces -y; the middle of its lower edge is `at` x, z."""
    (x, z), (wide, high) = at, size
    left, right = x - wide / 2, x + wide / 2
    return surface([[(left, y, z), (right, y, z), (right, y, z + high), (left, y, z + high)]], colour, 0.3, 0.06)


def visit(number: int, start_s: float, rng: np.random.Generator) -> Visit:
    """One article rolls through; the line feeds from either end."""
    label = str(rng.choice(CONVEYOR.classes, p=[0.36, 0.26, 0.2, 0.18]))
    heading, turn = (1 if rng.random() < 0.7 else -1), float(rng.uniform(-14, 14))
    size = float(rng.uniform(0.85, 1.2))
    one, two = (int(rng.integers(4)) for _ in range(2))
    if label == "box":
        mesh = carton((0.40 * size, 0.30 * size, 0.24 * float(rng.uniform(0.7, 1.4))), BOARDS[one], float(rng.random()))
    elif label == "bottle":
        mesh = bottle(0.32 * size, GLASSES[one], LABELS[two])
    elif label == "can":
        mesh = can(0.20 * size, PLASTICS[one], LABELS[two])
    else:
        mesh = crate((0.48 * size, 0.34, 0.2), PLASTICS[one])
    mesh = mesh.moved(0, 0, 0, turn)
    lane = float(rng.uniform(-0.1, 0.1)) if label in ("bottle", "can") else float(rng.uniform(-0.02, 0.02))
    reach, speed = 1.9, float(rng.uniform(0.5, 0.75))

    def pose(since_s: float) -> Mesh:
        return mesh.moved(heading * (since_s * speed - reach), lane, BED_Z)

    return Visit(number, label, start_s, start_s + 2 * reach / speed, pose)


CONVEYOR = World(
    classes=("box", "bottle", "can", "crate"),
    cameras=(
        ((0.0, -1.75, 1.95), (0.0, 0.12, 0.86), 56.0),
        ((1.5, -1.5, 2.2), (-0.1, 0.08, 0.82), 58.0),
    ),
    day=Light(
        (-0.5, 0.22, 1.0),
        (0.74, 0.78, 0.78),
        (0.40, 0.42, 0.42),
        (Lamp((-0.9, -0.2, 3.0), (1.6, 1.7, 1.7)),),
        shadow_blur=0.014,
    ),
    night=Light(
        (-0.25, -0.3, 1.0),
        (0.010, 0.010, 0.010),
        (0.016, 0.016, 0.018),
        (Lamp((1.6, 2.6, 2.6), (0.10, 0.22, 0.14)),),
        shadow_blur=0.02,
    ),
    surfaces=surfaces,
    furniture=_furniture(),
    ground_z=BED_Z,
    fog_range_m=2.6,
    cloud=0.0,
    drift=0.025,
    visit=visit,
)

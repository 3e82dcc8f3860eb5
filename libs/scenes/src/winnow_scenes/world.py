"""What a kind of scene is made of, and how its empty picture is rendered once for a camera and a light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from winnow_scenes.camera import Floats, PinholeCamera, floats
from winnow_scenes.light import Light
from winnow_scenes.mesh import Mesh
from winnow_scenes.raster import darken, drawn, paint, shadow
from winnow_scenes.sensor import OFFSET, coded
from winnow_scenes.texture import fractal_tile
from winnow_scenes.visits import VisitMaker


@dataclass(frozen=True)
class Seen:
    """What every pixel's ray meets: points, normals, linear albedo (h, w, 3); `sky` (h, w) bool glows itself."""

    points: Floats
    normals: Floats
    albedo: Floats
    sky: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class World:
    """One kind of scene. `cameras` are its viewpoints: position, target (m), field of view (degrees)."""

    classes: tuple[str, ...]
    cameras: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float], ...]
    day: Light
    night: Light
    surfaces: Callable[[PinholeCamera, Floats], Seen]
    furniture: tuple[tuple[Mesh, float], ...]
    ground_z: float
    fog_range_m: float
    cloud: float
    drift: float
    visit: VisitMaker

    def camera(self, view: int, width: int, height: int, *, moved: bool = False) -> PinholeCamera:
        """Viewpoint `view`; `moved` is the same camera after somebody knocked against it."""
        position, target, fov = self.cameras[view]
        if not moved:
            return PinholeCamera(position, target, fov, width, height)
        reach = float(np.linalg.norm(np.subtract(target, position)))
        turned = (target[0] + 0.16 * reach, target[1], target[2] - 0.07 * reach)
        return PinholeCamera(position, turned, fov, width, height, roll_deg=4.0)


@dataclass(frozen=True)
class Backdrop:
    """The empty scene without noise: codes uint8 (h, w, 3) and the distance of every pixel (h, w) in metres."""

    codes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    distance_m: Floats


def render_backdrop(world: World, camera: PinholeCamera, light: Light, seed: int) -> Backdrop:
    """Textured surfaces, furniture with its shadows, then what the lens does: vignetting and a soft edge."""
    tile = fractal_tile(seed)
    seen = world.surfaces(camera, tile)
    radiance = seen.albedo * light.irradiance(seen.points, seen.normals)
    glow = seen.albedo * floats(light.ambient) * np.float32(1.5)
    radiance = np.where(seen.sky[..., None], glow, radiance)
    codes = np.round(coded(radiance)).astype(np.uint8)
    for mesh, ground_z in world.furniture:
        fallen = shadow(mesh, camera, light, ground_z)
        if fallen is not None:
            darken(codes, fallen, light.shadow_share())
    patches = [(drawn(mesh, camera, light), mesh) for mesh, _ in world.furniture]
    far_first = sorted(patches, key=lambda p: -float(camera.project(p[1].quads.reshape(-1, 3))[1].mean()))
    for patch, _ in far_first:
        if patch is not None:
            paint(codes, patch)
    lit = (codes.astype(np.float32) - OFFSET) * _lens(camera, tile)[..., None] + OFFSET
    codes = np.clip(np.round(cv2.GaussianBlur(lit, (3, 3), 0.5)), OFFSET, 255 - OFFSET).astype(np.uint8)
    distance = np.linalg.norm(seen.points - floats(camera.position), axis=-1)
    distance[seen.sky] = 400.0
    return Backdrop(codes, distance.astype(np.float32))


def _lens(camera: PinholeCamera, tile: Floats) -> Floats:
    """Vignetting (cos^4 of the angle to the axis, square root because codes are) and grime on everything."""
    rays = camera.rays()
    forward = camera.axes()[2].astype(np.float32)
    cosine = (rays @ forward) / np.linalg.norm(rays, axis=-1)
    grime = cv2.resize(tile[:512, :512], (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cosine**2.2 * (1 + np.float32(0.012) * grime), np.float32)


def meet_level(camera: PinholeCamera, z: float) -> tuple[Floats, Floats]:
    """Where every ray meets the level plane at `z`: points (h, w, 3) and range (h, w), inf where it does not."""
    rays = camera.rays()
    with np.errstate(divide="ignore"):
        along = (np.float32(z) - np.float32(camera.position[2])) / rays[..., 2]
    along = np.where(along > 0, along, np.inf).astype(np.float32)
    reach = np.where(np.isfinite(along), along, 0)[..., None]
    return (floats(camera.position) + rays * reach).astype(np.float32), along


def meet_wall(camera: PinholeCamera, y: float) -> tuple[Floats, Floats]:
    """Where every ray meets the upright plane at depth `y`; as `meet_level`."""
    rays = camera.rays()
    with np.errstate(divide="ignore"):
        along = (np.float32(y) - np.float32(camera.position[1])) / rays[..., 1]
    along = np.where(along > 0, along, np.inf).astype(np.float32)
    reach = np.where(np.isfinite(along), along, 0)[..., None]
    return (floats(camera.position) + rays * reach).astype(np.float32), along

"""Draws meshes: painter's order, a shade per quad, oversampled edges; and the shadow on level ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from winnow_scenes.camera import NEAR_M, Floats, PinholeCamera, floats
from winnow_scenes.light import Light
from winnow_scenes.mesh import Mesh
from winnow_scenes.sensor import OFFSET, coded

FIXED_POINT_BITS = 3


@dataclass(frozen=True)
class Patch:
    """A rectangle of the picture that starts at (x0, y0): premultiplied codes and cover, or only cover."""

    x0: int
    y0: int
    codes: NDArray[np.uint8]
    cover: NDArray[np.uint8]


def paint(codes: NDArray[np.uint8], patch: Patch) -> None:
    """Lays a drawn mesh over codes, in place."""
    height, width = patch.cover.shape
    view = codes[patch.y0 : patch.y0 + height, patch.x0 : patch.x0 + width]
    left = cv2.multiply(view, cv2.merge([cv2.bitwise_not(patch.cover)] * 3), scale=1 / 255)
    view[:] = cv2.add(left, patch.codes)


def darken(codes: NDArray[np.uint8], patch: Patch, share: float) -> None:
    """Takes `share` of the light away where the patch covers fully, in place."""
    height, width = patch.cover.shape
    view = codes[patch.y0 : patch.y0 + height, patch.x0 : patch.x0 + width]
    steps = np.arange(256) / 255
    factor = np.round(np.sqrt(1 - share * steps) * 255).astype(np.uint8)[patch.cover]
    # OFFSET is no light; multiplied alone it stays where it is, so it is given back after.
    lit = cv2.multiply(view, cv2.merge([factor] * 3), scale=1 / 255)
    floor = np.round(OFFSET * (255 - factor.astype(np.float32)) / 255).astype(np.uint8)
    view[:] = cv2.add(lit, cv2.merge([floor] * 3))


def drawn(mesh: Mesh, camera: PinholeCamera, light: Light) -> Patch | None:
    """The mesh as the camera sees it under the light; None where nothing of it is in the picture."""
    quads = mesh.quads
    normals = np.cross(quads[:, 1] - quads[:, 0], quads[:, 2] - quads[:, 0])
    degenerate = np.linalg.norm(normals, axis=1) < 1e-9
    normals[degenerate] = np.cross(
        quads[degenerate, 2] - quads[degenerate, 0], quads[degenerate, 3] - quads[degenerate, 0]
    )
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    centres = quads.mean(axis=1)
    to_eye = floats(camera.position) - centres
    pixels, depth = camera.project(quads.reshape(-1, 3))
    pixels = pixels.reshape(-1, 4, 2)
    visible = (np.einsum("ij,ij->i", normals, to_eye) > 0) & (depth.reshape(-1, 4).min(axis=1) > NEAR_M)
    if not visible.any():
        return None
    window = _window(pixels[visible], camera)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    shades = _shaded(mesh, centres, normals, to_eye, light)
    distance = np.linalg.norm(to_eye, axis=1) - mesh.lift
    order = np.flatnonzero(visible)[np.argsort(-distance[visible], kind="stable")]
    over = 2 if (x1 - x0) * (y1 - y0) > 40_000 else 3
    canvas = np.zeros(((y1 - y0) * over, (x1 - x0) * over, 4), np.uint8)
    corners = (pixels - floats([x0, y0])) * over - 0.5
    fixed = np.round(np.clip(corners, -30_000, 30_000) * (1 << FIXED_POINT_BITS)).astype(np.int32)
    for n in order:
        blue, green, red = shades[n]
        cv2.fillConvexPoly(canvas, fixed[n], (float(blue), float(green), float(red), 255), cv2.LINE_8, FIXED_POINT_BITS)
    small = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (3, 3), 0.55)
    return Patch(x0, y0, np.ascontiguousarray(small[:, :, :3]), np.ascontiguousarray(small[:, :, 3]))


def shadow(mesh: Mesh, camera: PinholeCamera, light: Light, ground_z: float) -> Patch | None:
    """Where the mesh keeps the main source from the level ground at `ground_z`, with a soft edge."""
    direction = light.direction()
    rise = np.maximum(mesh.quads[..., 2:3] - np.float32(ground_z), 0)
    ground = mesh.quads - direction * (rise / direction[2])
    ground[..., 2] = ground_z
    pixels, depth = camera.project(ground.reshape(-1, 3))
    pixels = pixels.reshape(-1, 4, 2)
    front = depth.reshape(-1, 4).min(axis=1) > NEAR_M
    if not front.any():
        return None
    sigma = light.shadow_blur * camera.width * 4 / max(float(np.median(depth)), 1.0)
    window = _window(pixels[front], camera, margin=int(3 * sigma) + 2)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    # Shadows are soft: a quarter of the resolution is enough.
    mask = np.zeros(((y1 - y0 + 3) // 4, (x1 - x0 + 3) // 4), np.uint8)
    fixed = np.round(np.clip((pixels - floats([x0, y0])) / 4, -8000, 8000) * 8).astype(np.int32)
    for quad in fixed[front]:
        cv2.fillConvexPoly(mask, quad, 255, cv2.LINE_8, FIXED_POINT_BITS)
    soft = cv2.GaussianBlur(mask, (0, 0), max(sigma / 4, 0.6))
    cover = cv2.resize(soft, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    return Patch(x0, y0, np.zeros((0, 0, 3), np.uint8), np.asarray(cover, np.uint8))


def outline(mesh: Mesh, camera: PinholeCamera) -> tuple[float, float, float, float] | None:
    """x0, y0, x1, y1 in pixels of the mesh's box within the picture; None when it is outside."""
    pixels, depth = camera.project(mesh.quads.reshape(-1, 3))
    if float(depth.min()) < NEAR_M:
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    x0, y0 = max(float(low[0]), 0.0), max(float(low[1]), 0.0)
    x1, y1 = min(float(high[0]), float(camera.width)), min(float(high[1]), float(camera.height))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _window(pixels: Floats, camera: PinholeCamera, margin: int = 2) -> tuple[int, int, int, int] | None:
    low = np.floor(pixels.min(axis=(0, 1))) - margin
    high = np.ceil(pixels.max(axis=(0, 1))) + margin
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), camera.width), min(int(high[1]), camera.height)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _shaded(mesh: Mesh, centres: Floats, normals: Floats, to_eye: Floats, light: Light) -> Floats:
    """Codes (n, 3): diffuse light, a highlight of the main source and the sky's mirror image on gloss."""
    radiance = mesh.colours * light.irradiance(centres, normals)
    eye = to_eye / np.linalg.norm(to_eye, axis=1, keepdims=True)
    half = eye + light.direction()
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    highlight = np.maximum(np.einsum("ij,ij->i", normals, half), 0) ** 40
    grazing = (1 - np.maximum(np.einsum("ij,ij->i", normals, eye), 0)) ** 3
    mirror = (0.12 + 0.5 * grazing) * np.maximum(normals[:, 2] + 0.25, 0)
    radiance = radiance + (mesh.gloss * highlight)[:, None] * floats(light.main) * 0.6
    radiance = radiance + (mesh.gloss * mirror)[:, None] * floats(light.ambient)
    return coded(radiance.astype(np.float32))

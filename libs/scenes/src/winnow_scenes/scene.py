"""A fixed camera before a scene: frame `index` and the truth about it, from the parameters alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np

from winnow_scenes import episodes as ep
from winnow_scenes.camera import Floats, PinholeCamera, floats
from winnow_scenes.conveyor import CONVEYOR
from winnow_scenes.episodes import Episode, strengths
from winnow_scenes.raster import darken, drawn, outline, paint, shadow
from winnow_scenes.sensor import OFFSET, SIGMA, NoisePool, Picture, coded, tone_curve
from winnow_scenes.truth import FrameTruth, SceneObject
from winnow_scenes.visits import Schedule
from winnow_scenes.world import Backdrop, World, render_backdrop
from winnow_scenes.yard import YARD

WORLDS: dict[str, World] = {"conveyor": CONVEYOR, "yard": YARD}
JPEG_QUALITY = 85
NIGHT_SIGMA = 2.4
NIGHT_GAIN = 3.0
CLOUD_STEP_S = 2.0
MIN_SIDE_SHARE = 0.006
"""An object belongs to the truth once its visible box is this share of the picture's width both ways."""


class Scene:
    """`kind` conveyor or yard, from viewpoint `view` (0 or 1). Raises ValueError for what there is not.

    Scenes with the same kind, seed and visits_per_minute hold the same visits whatever their view, size and
    frame rate. Frames may be asked for in any order; the same parameters give the same pixels.
    """

    def __init__(
        self,
        kind: str,
        seed: int,
        width: int = 1280,
        height: int = 720,
        *,
        fps: float = 5.0,
        view: int = 0,
        episodes: Sequence[Episode] = (),
        visits_per_minute: float = 1.0,
    ) -> None:
        if kind not in WORLDS:
            raise ValueError(f"no scene {kind!r}: one of {', '.join(WORLDS)}")
        self._world = WORLDS[kind]
        if not 0 <= view < len(self._world.cameras):
            raise ValueError(f"scene {kind} has the views 0 to {len(self._world.cameras) - 1}, not {view}")
        if width < 64 or height < 64 or fps <= 0 or visits_per_minute <= 0:
            raise ValueError("width and height start at 64, fps and visits a minute above 0")
        self.classes = self._world.classes
        self.width, self.height, self.fps = width, height, fps
        self._seed, self._view = seed, view
        self._episodes = tuple(episodes)
        self._schedule = Schedule(seed, visits_per_minute, self._world.visit)
        self._noise = NoisePool(seed * 2 + view, height, width, SIGMA)
        self._night_noise: NoisePool | None = None
        drift = np.random.default_rng([seed, 0xD1])
        self._drift = [
            (float(p), float(q)) for p, q in zip(drift.uniform(25, 400, 4), drift.uniform(0, 6.28, 4), strict=True)
        ]
        self._backdrop = lru_cache(maxsize=4)(self._render_backdrop)
        self._lit = lru_cache(maxsize=2)(self._light_backdrop)
        self._fog = lru_cache(maxsize=2)(self._fog_share)

    def __iter__(self) -> Iterator[tuple[Picture, FrameTruth]]:
        """Frames without end."""
        index = 0
        while True:
            yield self.frame(index)
            index += 1

    def frame(self, index: int) -> tuple[Picture, FrameTruth]:
        """uint8 (height, width, 3) BGR and its truth."""
        return self._picture(self._shown(index)), self.truth(index)

    def truth(self, index: int) -> FrameTruth:
        """The truth of a frame without rendering it."""
        t_s = index / self.fps
        names = tuple(sorted(strengths(self._episodes, t_s)))
        return FrameTruth(index, round(t_s, 6), self._objects(self._shown(index)), names)

    def _shown(self, index: int) -> int:
        """The frame whose picture `index` has: while the feed is frozen the last one before, or the first of all."""
        t_s = index / self.fps
        starts = [e.start_s for e in self._episodes if e.name == ep.FROZEN and e.start_s <= t_s < e.end_s]
        return max(int(np.ceil(min(starts) * self.fps)) - 1, 0) if starts else index

    def _picture(self, index: int) -> Picture:
        t_s = index / self.fps
        under_way = strengths(self._episodes, t_s)
        night, moved = under_way.get(ep.NIGHT, 0.0), ep.MOVED in under_way
        if ep.COVERED in under_way:
            codes = self._covered()
        else:
            codes = self._lit(int(t_s / CLOUD_STEP_S), moved, round(night, 2)).copy()
            self._add_visits(codes, self._camera(moved), t_s, night)
        if ep.FOG in under_way:
            codes = self._fogged(codes, moved, night, under_way[ep.FOG])
        if ep.DEFOCUS in under_way:
            codes = _defocused(codes)
        self._noise_at(night).add(codes, np.random.default_rng([self._seed, self._view, index]))
        gain = self._gain(t_s) * (1 + (NIGHT_GAIN - 1) * night)
        return np.asarray(cv2.LUT(codes, tone_curve(gain)), np.uint8)

    def _objects(self, index: int) -> tuple[SceneObject, ...]:
        """What of the visits the picture of frame `index` shows."""
        t_s = index / self.fps
        under_way = strengths(self._episodes, t_s)
        if ep.COVERED in under_way:
            return ()
        camera, least = self._camera(ep.MOVED in under_way), MIN_SIDE_SHARE * self.width
        found = []
        for visit in self._schedule.at(t_s):
            box = outline(visit.pose(t_s - visit.start_s), camera)
            if box is not None and min(box[2] - box[0], box[3] - box[1]) >= least:
                found.append(SceneObject(visit.visit, visit.label, box))
        return tuple(found)

    def _camera(self, moved: bool) -> PinholeCamera:
        return self._world.camera(self._view, self.width, self.height, moved=moved)

    def _add_visits(self, codes: Picture, camera: PinholeCamera, t_s: float, night: float) -> None:
        light = self._world.night if night > 0.5 else self._world.day
        here = [visit.pose(t_s - visit.start_s) for visit in self._schedule.at(t_s)]
        here.sort(key=lambda mesh: -float(camera.project(mesh.quads.reshape(-1, 3))[1].mean()))
        for mesh in here:
            fallen = shadow(mesh, camera, light, self._world.ground_z)
            if fallen is not None:
                darken(codes, fallen, light.shadow_share())
        for mesh in here:
            patch = drawn(mesh, camera, light)
            if patch is not None:
                paint(codes, patch)

    def _render_backdrop(self, moved: bool, at_night: bool) -> Backdrop:
        camera = self._world.camera(self._view, self.width, self.height, moved=moved)
        return render_backdrop(self._world, camera, self._world.night if at_night else self._world.day, self._seed)

    def _light_backdrop(self, step: int, moved: bool, night: float) -> Picture:
        """The empty scene under the light of a moment: day and night mixed, clouds drifting over."""
        codes: Picture = self._backdrop(moved, night >= 1).codes
        if 0 < night < 1:
            mixed = cv2.addWeighted(codes, 1 - night, self._backdrop(moved, True).codes, night, 0)
            codes = np.asarray(mixed, np.uint8)
        if self._world.cloud == 0:
            return np.asarray(codes, np.uint8)
        rng = np.random.default_rng([self._seed, 0xC1])
        cells = cv2.GaussianBlur(rng.standard_normal((12, 256), np.float32), (0, 0), 2.0)
        left = step * 0.25 % 230
        field = cells[:, int(left) : int(left) + 18] * (1 - left % 1) + cells[:, int(left) + 1 : int(left) + 19] * (
            left % 1
        )
        field = cv2.resize(field / cells.std(), (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        factor = 1 + np.float32(self._world.cloud / 2) * np.clip(field, -2, 2)
        lit = (codes.astype(np.float32) - OFFSET) * factor[..., None] + OFFSET
        return np.asarray(np.clip(np.round(lit), OFFSET, 255 - OFFSET), np.uint8)

    def _gain(self, t_s: float) -> float:
        waves = sum(np.sin(2 * np.pi * t_s / period + phase) for period, phase in self._drift)
        return float(1 + self._world.drift / 2 * waves / 2)

    def _noise_at(self, night: float) -> NoisePool:
        if night < 0.5:
            return self._noise
        if self._night_noise is None:
            self._night_noise = NoisePool(self._seed * 2 + self._view, self.height, self.width, SIGMA * NIGHT_SIGMA)
        return self._night_noise

    def _fog_share(self, moved: bool) -> Floats:
        """(h, w) float32: how much of the full fog lies before each pixel (Koschmieder's law)."""
        distance = self._backdrop(moved, False).distance_m
        return np.asarray(1 - np.exp(-distance / self._world.fog_range_m), np.float32)

    def _fogged(self, codes: Picture, moved: bool, night: float, strength: float) -> Picture:
        share = self._fog(moved) * np.float32(strength)
        level = 0.55 * (1 - night) + 0.02 * night
        grey = np.full_like(codes, round(float(coded(floats([level]))[0])))
        return np.asarray(cv2.blendLinear(codes, grey, 1 - share, share), np.uint8)

    def _covered(self) -> Picture:
        """Something dark right on the lens, a little light at one corner."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        leak = np.exp(-(((x / self.width - 1) ** 2) + (y / self.height - 0.1) ** 2) / 0.05)
        light = (0.006 + 0.035 * leak)[..., None] * floats([0.5, 0.7, 1.0])
        return np.round(coded(light)).astype(np.uint8)


def _defocused(codes: Picture) -> Picture:
    """A wide blur, made at a quarter of the size; the sensor's noise comes after it and stays sharp."""
    height, width = codes.shape[:2]
    small = cv2.resize(codes, (max(width // 4, 16), max(height // 4, 16)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), width / 1280 * 2.4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(picture: Picture) -> bytes:
    """The picture as JPEG, quality 85, 4:2:0."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise ValueError("OpenCV could not encode the picture")
    return data.tobytes()

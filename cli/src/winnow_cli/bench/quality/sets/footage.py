"""Ordinary footage: recordings as they come, long rendered scenes, and a day's light over a camera's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from winnow_cli.bench.quality.degrade import Sensor, defocused, exposed, jpeg
from winnow_cli.bench.quality.viewpoints import SCENES, Recording, Viewpoint, footage_frames
from winnow_scenes.episodes import NIGHT, Episode
from winnow_scenes.scene import Scene

SCENE_FPS, SCENE_FRAMES = 0.2, 300
SCENE_NIGHT = Episode(NIGHT, 700.0, 1200.0)
"""Rendered scenes last 25 minutes; it is night in them for eight, which comes and goes from one frame to the next."""

DAY_INTERVAL_S = 30.0
DUSK_FRAMES, NIGHT_FRAMES, DAY_FRAMES = 60, 100, 120
"""An hour of day, half an hour of dusk, most of an hour of night, and as much of dawn and day again."""

CLOUDS_STOPS = 0.7
NIGHT_STOPS, MOST_GAIN_STOPS = 6.0, 3.0
"""By night there are 6 EV less, of which the sensor makes good 3 by amplifying, noise with it."""

SOFT_SIGMA = 2.0
"""Pixels, of a lens or a scene without anything finer."""


def recorded(folder: Path, recording: Recording) -> Iterator[bytes]:
    """Every frame of a recording as a JPEG of its quality. Raises `Refused` where it cannot be read."""
    for picture in footage_frames(folder, recording):
        yield jpeg(picture, recording.quality)


def rendered(name: str, seed: int) -> Iterator[bytes]:
    """A rendered camera for a long while, with visits, clouds, drifting light, a night and its sensor's noise."""
    kind, view, width, height, quality = SCENES[name]
    scene = Scene(kind, seed, width, height, fps=SCENE_FPS, view=view, episodes=(SCENE_NIGHT,))
    for index in range(SCENE_FRAMES):
        yield jpeg(scene.frame(index)[0], quality)


def through_a_day(view: Viewpoint, seed: int) -> Iterator[bytes]:
    """The camera's pictures over and over in their order, under the light of `daylight`, with noise."""
    chance = np.random.default_rng([seed, 0xDA])
    sensor = Sensor(view.pictures[0].shape[:2], seed)
    for picture, stops in zip(cycle(view.pictures), daylight(float(chance.uniform(0, 2 * np.pi))), strict=False):
        made_good = float(np.clip(-stops, 0, MOST_GAIN_STOPS))
        yield jpeg(sensor.expose(exposed(picture, stops + made_good), gain=2.0**made_good), view.quality)


def through_a_soft_lens(view: Viewpoint) -> Viewpoint:
    """The camera with a lens that has never been sharp: what is fine in its pictures is the sensor's noise alone."""
    return replace(view, pictures=tuple(defocused(picture, SOFT_SIGMA) for picture in view.pictures))


def daylight(phase: float) -> list[float]:
    """EV at each frame of a day, against the picture as it is: slow waves, dusk, night, dawn and waves again."""
    dusk = np.linspace(0, -NIGHT_STOPS, DUSK_FRAMES)
    sun = np.concatenate(
        [np.zeros(DAY_FRAMES), dusk, np.full(NIGHT_FRAMES, -NIGHT_STOPS), dusk[::-1], np.zeros(DAY_FRAMES // 2)]
    )
    waves = CLOUDS_STOPS * np.sin(2 * np.pi * np.arange(sun.size) / DAY_FRAMES + phase)
    return [float(stops) for stops in sun + waves]

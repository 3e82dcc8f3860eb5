"""The cameras that the sets are made of: fixed ones of real footage, and rendered ones with known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from winnow.errors import Refused
from winnow_cli.bench.quality.degrade import Picture
from winnow_scenes.scene import Scene

FOOTAGE, RENDERED = "footage", "rendered"
PICTURES = 100
"""Of each camera, evenly spread."""

MARGIN = 8
"""Frames before and after an event that count neither as empty nor as the event: its shadow is there already."""

LEAST_AREA = 0.003
"""An object of a rendered picture counts as an event from this share of the picture on."""


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """A fixed camera's pictures in order of time, clean: sharp and without the noise that the sets add.

    `empty` are runs of places in `pictures` with nothing new from one to the next, `events` those of each event; both
    are empty where nobody knows. `quality` is that of the camera's JPEGs.
    """

    name: str
    origin: str
    quality: int
    pictures: tuple[Picture, ...]
    empty: tuple[tuple[int, ...], ...]
    events: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pictures[0].shape[1], self.pictures[0].shape[0]


@dataclass(frozen=True, slots=True)
class Recording:
    """A video of a fixed camera. `events`: first and last frame of what comes by; None where all of it is one."""

    name: str
    file: str
    frames: int
    fps: float
    quality: int
    events: tuple[tuple[int, int], ...] | None


ROAD = Recording("road", "car-detection.mp4", 377, 12.5, 85, ((55, 108), (179, 240), (314, 350)))
CORRIDOR = Recording(
    "corridor",
    "one-by-one-person-detection.mp4",
    1394,
    10.0,
    90,
    ((60, 200), (227, 455), (502, 695), (745, 872), (921, 1200), (1234, 1365)),
)
BOTTLES = Recording("bottles", "bottle-detection.mp4", 1189, 29.83, 80, None)
RECORDINGS = (ROAD, CORRIDOR, BOTTLES)
"""The one list of what comes by in the footage, frames from 0. First is the one from which on .4 % of the picture or
more is 30 grey levels off the empty scene; the footage's own description says about as much, a frame more or less."""

SCENES = {
    "yard-0": ("yard", 0, 1024, 576, 85),
    "yard-1": ("yard", 1, 640, 360, 75),
    "conveyor-0": ("conveyor", 0, 640, 480, 92),
    "conveyor-1": ("conveyor", 1, 768, 432, 80),
}
"""Kind, view, width, height and JPEG quality of each rendered camera."""


def viewpoints(data: Path | None, seed: int) -> Iterator[tuple[str, Callable[[], Viewpoint]]]:
    """Each camera's name and what loads it; the recordings only where `data` has a folder `footage`."""
    if data is not None:
        for recording in RECORDINGS:
            yield recording.name, partial(_recorded, data / "footage", recording)
    for name, (kind, view, width, height, quality) in SCENES.items():
        scene = Scene(kind, seed, width, height, fps=0.5, view=view, visits_per_minute=2.0)
        yield name, partial(_rendered, name, scene, quality)


def footage_frames(folder: Path, recording: Recording) -> Iterator[Picture]:
    """Every frame of a recording, uint8 BGR. Raises `Refused` where it cannot be read."""
    path = folder / recording.file
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except (av.FFmpegError, OSError) as error:
        raise Refused(f"{path}: not a readable video ({error}); --data names the folder that holds footage/") from error


def _recorded(folder: Path, recording: Recording) -> Viewpoint:
    chosen = {int(place) for place in np.linspace(0, recording.frames - 1, PICTURES)}
    pictures = {index: one for index, one in enumerate(footage_frames(folder, recording)) if index in chosen}
    labels = [_label(index, recording) for index in pictures]
    return Viewpoint(recording.name, FOOTAGE, recording.quality, tuple(pictures.values()), *_runs(labels))


def _label(frame: int, recording: Recording) -> int | None:
    """0 for an empty frame, the event's number from 1, None for neither."""
    if recording.events is None:
        return None
    for number, (first, last) in enumerate(recording.events, 1):
        if first + MARGIN <= frame <= last - MARGIN:
            return number
        if first - MARGIN <= frame <= last + MARGIN:
            return None
    return 0


def _rendered(name: str, scene: Scene, quality: int) -> Viewpoint:
    pictures, labels = [], list[int | None]()
    for index in range(PICTURES):
        picture, truth = scene.frame(index)
        pictures.append(picture)
        areas = [(o.box[2] - o.box[0]) * (o.box[3] - o.box[1]) / picture[..., 0].size for o in truth.objects]
        largest = int(np.argmax(areas)) if areas else -1
        if largest < 0:
            labels.append(0)
        else:
            labels.append(truth.objects[largest].visit + 1 if areas[largest] >= LEAST_AREA else None)
    # A shadow comes in before what casts it, and goes out after it.
    empty = [all(label == 0 for label in labels[max(0, i - 1) : i + 2]) for i in range(PICTURES)]
    shown = [None if label == 0 and not empty[i] else label for i, label in enumerate(labels)]
    return Viewpoint(name, RENDERED, quality, tuple(pictures), *_runs(shown))


def _runs(labels: list[int | None]) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Places of like labels in a row: those of empty pictures, and those of events."""
    runs: list[tuple[int, list[int]]] = []
    for place, label in enumerate(labels):
        if label is None:
            continue
        if runs and runs[-1][0] == label and runs[-1][1][-1] == place - 1:
            runs[-1][1].append(place)
        else:
            runs.append((label, [place]))
    empty = tuple(tuple(places) for label, places in runs if label == 0 and len(places) > 1)
    return empty, tuple(tuple(places) for label, places in runs if label)

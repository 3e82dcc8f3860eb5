"""Innocent events that are not called tampering, and cameras that somebody touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from winnow.events import Verdict
from winnow_cli.bench.quality.degrade import Picture, Sensor, jpeg
from winnow_cli.bench.quality.figures import Figure, share
from winnow_cli.bench.quality.measured.section import Plan, watched
from winnow_cli.bench.quality.sets.defects import DAY
from winnow_cli.bench.quality.sets.innocent import Frames, Innocent, other_views
from winnow_cli.bench.quality.sets.tampered import MOVED, TOUCHED, Deed, home
from winnow_cli.bench.quality.viewpoints import Viewpoint
from winnow_cli.bench.quality.watched import Watched, reason

WITHIN_FRAMES = 5
"""Three suspicious frames in a row are tampering; two more for those that noise makes doubtful."""

PART = 0.1
OTHER_SIZE = (1280, 720)
"""Of the other places' pictures: larger than any camera's, so that they are as sharp."""

GOAL_FOUND = 0.95
"""Ours."""


class Tampering:
    """Events before a camera that has seen its ordinary pictures by day."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._alarms: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        self._found: dict[str, list[tuple[str, bool]]] = defaultdict(list)

    @cached_property
    def _others(self) -> list[Picture]:
        """Other places, and what this bench's cameras showed so far."""
        return other_views(self._plan.seed, OTHER_SIZE)

    def measure(self, view: Viewpoint) -> None:
        seed, count = self._plan.seed, self._plan.per_camera(PART)
        camera, _ = watched(view, DAY, self._plan)
        sensor = Sensor(view.pictures[0].shape[:2], seed)
        # One that had to be enlarged would be soft.
        others = [other for other in self._others if other.shape[1] >= view.size[0]]
        for kind, frames in Innocent(view.pictures, others, seed).events(count):
            self._alarms[kind].append((view.name, _alarmed(camera, view, sensor, frames)))
        self._others.extend(view.pictures[:: len(view.pictures) // 2])
        self._touch(view, view, camera, TOUCHED, count)
        moved = home(view)
        camera, _ = watched(moved, DAY, self._plan)
        self._touch(view, moved, camera, MOVED, count)

    def _touch(self, of: Viewpoint, view: Viewpoint, camera: Watched, deeds: dict[str, Deed], count: int) -> None:
        chance = np.random.default_rng([self._plan.seed, 0x7A])
        sensor = Sensor(view.pictures[0].shape[:2], self._plan.seed)
        for kind, deed in deeds.items():
            for _ in range(count):
                after = deed(of.pictures[int(chance.integers(len(of.pictures)))], chance)
                found = _alarmed(camera, view, sensor, [(after, 1.0)] * WITHIN_FRAMES)
                self._found[kind].append((view.name, found))

    def figures(self) -> Iterator[Figure]:
        everything = [one for found in self._alarms.values() for one in found]
        yield share("innocent events called tampered", everything, goal=0.0, at_most=True)
        for kind, found in self._alarms.items():
            yield share(f"{kind}: called tampered", found, at_most=True)
        for kind, found in self._found.items():
            yield share(f"{kind}: found within {WITHIN_FRAMES} frames", found, goal=GOAL_FOUND)


def _alarmed(camera: Watched, view: Viewpoint, sensor: Sensor, frames: Frames) -> bool:
    verdicts: list[Verdict] = camera.probe(
        jpeg(sensor.expose(picture, gain=gain), view.quality) for picture, gain in frames
    )
    return any(reason(verdict) == "tampered" for verdict in verdicts)

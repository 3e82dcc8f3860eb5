"""A rendered scene as many cameras see it, each at another moment of it, with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2

from winnow_scenes.scene import Scene, encoded

KIND, SEED = "yard", 3
WIDTH, HEIGHT, FPS = 1280, 720, 5.0
VISITS_PER_MINUTE = 6.0
FRAMES = 300
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Footage:
    """`images` are JPEGs, `visits` the objects that each of them shows."""

    images: Sequence[bytes]
    visits: Sequence[tuple[int, ...]]

    def place(self, number: int, cameras: int) -> int:
        """Which picture the frame with this number has: cameras take turns, and begin spread over the footage."""
        camera, turn = number % cameras, number // cameras
        return (turn + camera * len(self.images) // cameras) % len(self.images)


def render() -> Footage:
    """A minute of the scene. Takes about ten seconds on two cores."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        parts = list(pool.map(_rendered, range(PROCESSES)))
    frames = [parts[index % PROCESSES][index // PROCESSES] for index in range(FRAMES)]
    return Footage([image for image, _ in frames], [visits for _, visits in frames])


def _rendered(first: int) -> list[tuple[bytes, tuple[int, ...]]]:
    cv2.setNumThreads(1)
    scene = Scene(KIND, SEED, WIDTH, HEIGHT, fps=FPS, visits_per_minute=VISITS_PER_MINUTE)
    found = []
    for index in range(first, FRAMES, PROCESSES):
        picture, truth = scene.frame(index)
        found.append((encoded(picture), tuple(seen.visit for seen in truth.objects)))
    return found

"""Many cameras at once, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import NamedTuple

from selector.domain.policy import PolicyInForce
from winnow_cli.simulation.day import CameraResult, simulate
from winnow_cli.simulation.library import Place, render
from winnow_cli.simulation.stream import KINDS, CameraDay


def run(cameras: int, policy: PolicyInForce, *, interval_s: float, seed: int) -> Iterator[tuple[int, CameraResult]]:
    """Each camera's number and result as it is done; the kinds in turn, each camera another day of its kind."""
    places = render()
    processes = min(cameras, len(os.sched_getaffinity(0)))
    # Not forked: this process has compiled code and threads.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        jobs = {}
        for number in range(cameras):
            kind = KINDS[number % len(KINDS)]
            camera = Simulated(number, kind.name, places[kind.place], interval_s, seed * 1000 + number)
            jobs[pool.submit(_one, camera, policy)] = number
        for job in as_completed(jobs):
            yield jobs[job], job.result()


class Simulated(NamedTuple):
    """A camera's parameters as they go to another process; its kind by name, since functions do not."""

    number: int
    kind: str
    place: Place
    interval_s: float
    seed: int


def _one(camera: Simulated, policy: PolicyInForce) -> CameraResult:
    kind = next(kind for kind in KINDS if kind.name == camera.kind)
    repeat = camera.number // len(KINDS)
    day = CameraDay(kind, camera.place, interval_s=camera.interval_s, seed=camera.seed)
    return simulate(f"{kind.name}-{repeat + 1}" if repeat else kind.name, day, policy)

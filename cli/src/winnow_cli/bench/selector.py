"""The selector's frames per CPU second, offline and through Kafka, beside the bare decode of the same frames."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from winnow_cli.bench import selector_worker as worker
from winnow_cli.bench.frames import camera_frames
from winnow_cli.bench.selector_process import Say, SelectorProcesses
from winnow_cli.bench.selector_worker import Cost
from winnow_cli.stack import Stack

PROCESSES = 2
KAFKA_FORMS = ((1, 1), (1, 2), (2, 1))
"""Processes, and threads of each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured of one size: encoded frames, frames of a backlog, and rounds of each."""

    size: tuple[int, int]
    frames: int
    backlog: int
    offline_rounds: int = 7
    kafka_rounds: int = 3


PLANS = (
    Plan((640, 480), 240, 4000),
    Plan((1280, 720), 160, 2400),
    Plan((1920, 1080), 80, 1200),
    Plan((3840, 2160), 24, 800),
)


def run(stack: Stack, video: Path, plan: Plan, say: Say) -> dict[str, Any]:
    """One size: all variants in turn, over and over, so that what drifts meets each of them alike."""
    name = f"{plan.size[0]}x{plan.size[1]}"
    say(f"{name}: encoding {plan.frames} frames")
    images = camera_frames(video, plan.frames, plan.size)
    figures = _Figures()
    with ExitStack() as opened:
        workers = [opened.enter_context(_worker(stack.env)) for _ in range(PROCESSES)]
        _together(workers, worker.prepare, images)
        for number in range(plan.offline_rounds):
            say(f"{name}: offline, round {number + 1} of {plan.offline_rounds}")
            _offline_round(workers, figures)
        for number in range(plan.kafka_rounds):
            say(f"{name}: through Kafka, round {number + 1} of {plan.kafka_rounds}")
            _kafka_round(stack, workers[0], images, plan.backlog, figures)
    return {
        "width": plan.size[0],
        "height": plan.size[1],
        "bytes_per_frame": round(statistics.mean(map(len, images))),
        **figures.summary(),
    }


def compile_cpu_s(env: Mapping[str, str]) -> dict[str, float]:
    """CPU seconds of a fresh process until its compiled code is ready: all compiled anew, and from the cache."""
    with tempfile.TemporaryDirectory() as empty:
        found = {}
        for name in ("cold", "cached"):
            with _worker({**env, "NUMBA_CACHE_DIR": empty}) as process:
                found[name] = round(process.submit(worker.warm_up_cpu_s).result(), 2)
    return found


class _Figures:
    """Values by name, one a round."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def summary(self) -> dict[str, dict[str, float]]:
        return {
            name: {
                "median": _rounded(statistics.median(values)),
                "least": _rounded(min(values)),
                "most": _rounded(max(values)),
            }
            for name, values in self._values.items()
        }


def _offline_round(workers: list[ProcessPoolExecutor], figures: _Figures) -> None:
    """All variants once; each ratio is of neighbours in time."""
    bare = _cost(workers[0], worker.bare, 1)
    offline = _cost(workers[0], worker.offline, 1)
    decoded = _cost(workers[0], worker.decode)
    bare_again = _cost(workers[0], worker.bare, 1)
    bare_s = (bare.cpu_s + bare_again.cpu_s) / 2
    figures.add("bare_per_cpu_s", bare.frames / bare_s)
    figures.add("offline_per_cpu_s", offline.frames / offline.cpu_s)
    figures.add("offline_ratio", bare_s / offline.cpu_s)
    figures.add("after_decode_of_bare", (offline.cpu_s - decoded.cpu_s) / bare_s)
    figures.add("after_decode_of_own", (offline.cpu_s - decoded.cpu_s) / decoded.cpu_s)
    threaded = _cost(workers[0], worker.offline, 2)
    figures.add("offline_2_threads_ratio", bare_s / threaded.cpu_s)
    figures.add("offline_2_threads_speedup", offline.wall_s / threaded.wall_s)
    figures.add("bare_2_threads_speedup", bare.wall_s / _cost(workers[0], worker.bare, 2).wall_s)
    figures.add("offline_2_processes_speedup", _speed_up(offline, _together(workers, worker.offline, 1)))
    figures.add("bare_2_processes_speedup", _speed_up(bare, _together(workers, worker.bare, 1)))


def _kafka_round(
    stack: Stack, process: ProcessPoolExecutor, images: list[bytes], backlog: int, figures: _Figures
) -> None:
    single = 0.0
    for processes, threads in KAFKA_FORMS:
        selector = SelectorProcesses(stack, processes=processes, threads=threads)
        selector.publish_all(images, backlog)
        before = _cost(process, worker.bare, 1)
        reading = _cost(process, worker.read, selector.kafka, backlog) if processes == threads == 1 else None
        rate = selector.judge_backlog()
        after = _cost(process, worker.bare, 1)
        selector.close()
        bare_per_cpu_s = 2 * before.frames / (before.cpu_s + after.cpu_s)
        name = f"kafka_{processes}_{threads}"
        figures.add(f"{name}_per_cpu_s", rate.per_cpu_s)
        figures.add(f"{name}_ratio", rate.per_cpu_s / bare_per_cpu_s)
        figures.add(f"{name}_wall_per_s", rate.wall_per_s)
        if reading is not None:
            single = rate.wall_per_s
            figures.add("reading_of_bare", reading.cpu_s / reading.frames * bare_per_cpu_s)
        else:
            figures.add(f"{name}_speedup", rate.wall_per_s / single)


@contextmanager
def _worker(env: Mapping[str, str]) -> Iterator[ProcessPoolExecutor]:
    """A process that has the environment of services from its first import on."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        before = dict(os.environ)
        os.environ.update(env)
        process.submit(os.getpid).result()  # which starts it
        os.environ.clear()
        os.environ.update(before)
        yield process


def _cost(process: ProcessPoolExecutor, work: Callable[..., Cost], *arguments: Any) -> Cost:
    return process.submit(work, *arguments).result()


def _together(workers: list[ProcessPoolExecutor], work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """The work done by all of them at once."""
    return [future.result() for future in [process.submit(work, *arguments) for process in workers]]


def _speed_up(alone: Cost, together: list[Cost]) -> float:
    """Frames a second of several processes at once, to those of one."""
    return sum(cost.frames for cost in together) / max(cost.wall_s for cost in together) * alone.wall_s / alone.frames


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")

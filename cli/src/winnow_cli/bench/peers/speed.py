"""Images a second of every tool over the same files, from bytes on disk to hashes, scores or verdicts."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from winnow_cli.bench.peers.play import Answer, NotPlayed, TaskFolder, play

SIZES = (((1280, 720), 120), ((1920, 1080), 60))
"""Width and height, and how many images of it."""

Say = Callable[[str], None]


def measure(
    images: list[bytes], size: tuple[int, int], tools: Mapping[str, Path], work: Path, say: Say
) -> dict[str, Any]:
    """One size: for each tool (name, interpreter) its jobs' figures, or why there are none."""
    width, height = size
    found: dict[str, Any] = {}
    task = TaskFolder(work / f"{width}x{height}")
    for image in images:
        task.add(image)
    task.close()
    for tool, python in tools.items():
        say(f"{width}x{height}: {tool} over {len(images)} images")
        try:
            found[tool] = _figures(play(tool, python, task.path), len(images))
        except NotPlayed as error:
            found[tool] = {"failed": str(error)}
    shutil.rmtree(task.path)
    return {
        "width": width,
        "height": height,
        "images": len(images),
        "bytes_per_image": round(statistics.mean(map(len, images))),
        "tools": found,
    }


def _figures(answer: Answer, images: int) -> dict[str, Any]:
    jobs = {
        name: {"per_cpu_s": round(images / job.cpu_s, 1), "per_s": round(images / job.wall_s, 1)}
        for name, job in answer.jobs.items()
    }
    return {"startup_cpu_s": round(answer.startup_s, 2), "jobs": jobs}

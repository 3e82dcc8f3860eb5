"""A tool's script as a child process: images in, its answer out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from winnow_cli.stack.environment import cpu_features
from winnow_cli.stack.guard import dies_with_parent

SOURCES = Path(__file__).resolve().parents[3]
LIMIT_S = 900.0
"""Of the clock: on a machine with nothing else to do, the slowest takes a fifth of it."""


class NotPlayed(Exception):
    """The tool's script failed or took too long; the message says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """One method over all images of a task: seconds of CPU and of the clock, distance of each pair, scores by issue."""

    cpu_s: float
    wall_s: float
    distances: list[float]
    scores: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said. `startup_s`: CPU seconds before the first image."""

    startup_s: float
    jobs: dict[str, Job]


class TaskFolder:
    """A new folder for `children.task.Task`: the images as files, in their order, and pairs of them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.names: list[str] = []
        self._pairs: list[tuple[int, int]] = []
        (folder / "images").mkdir(parents=True)

    def add(self, image: bytes) -> int:
        """The image's index."""
        self.names.append(f"{len(self.names):05d}.jpg")
        (self.path / "images" / self.names[-1]).write_bytes(image)
        return len(self.names) - 1

    def pair(self, first: bytes, second: bytes) -> None:
        self._pairs.append((self.add(first), self.add(second)))

    def close(self) -> None:
        """Nothing is added any more; the folder can be played."""
        (self.path / "task.json").write_text(json.dumps({"names": self.names, "pairs": self._pairs}))


def play(tool: str, python: Path, folder: Path) -> Answer:
    """Runs a tool's script on a task, on one core. Raises `NotPlayed`."""
    module = tool.lower()
    answer, log = folder / "answer.json", folder / "log.txt"
    answer.unlink(missing_ok=True)
    home = folder / f"home-{module}"
    home.mkdir(exist_ok=True)
    settings = {
        "HOME": str(home),  # some write into it
        "SENTRY_OPT_OUT": "1",  # fastdup reports what it is run on, unless told not to
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": cpu_features(),
    }
    # A tool's environment sees this package and nothing else of ours; our own interpreter knows where all of it is.
    own = Path(sys.executable) == python
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*dies_with_parent(), str(python), "-P", "-m", f"winnow_cli.bench.peers.children.{module}", str(folder)],
            env=inherited | settings | ({} if own else {"PYTHONPATH": str(SOURCES)}),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise NotPlayed(f"not done after {LIMIT_S:.0f} s") from error
        finally:
            with suppress(ProcessLookupError):  # its workers, too
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if code != 0 or not answer.exists():
        raise NotPlayed(f"ended with {code}: {_last_line(log)}")
    return read_answer(folder)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it said nothing"


def read_answer(folder: Path) -> Answer:
    """What a script left in its task's folder."""
    found: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    jobs = {
        name: Job(job["cpu_s"], job["wall_s"], job.get("distances", []), job.get("scores", {}))
        for name, job in found["methods"].items()
    }
    return Answer(found["startup_s"], jobs)

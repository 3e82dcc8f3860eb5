"""`winnow replay` over simulated signatures: how many a second on two cores, and in how much memory."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from winnow.errors import WinnowError
from winnow_cli.bench.goals import Goal, at_least, at_most
from winnow_cli.bench.replay_recording import PARTITIONS, Recording
from winnow_cli.simulation.stream import KINDS
from winnow_cli.stack import Stack

FRAMES = (20_000, 200_000)
"""The shorter and the longer recording: the second goes on where the first ends."""

ROUNDS = 3
CORES = 2
SIGNATURES_PER_S = 50_000.0
MEMORY_RATIO = 1.1
LOOK_EVERY_S = 0.02

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run of the command, by the clocks of its processes with all their children.

    `peak_rss_mb` is the most that one process held; `equal` and `verdicts` are what the command found.
    """

    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    equal: bool
    verdicts: int


def run(stack: Stack, say: Say) -> dict[str, Any]:
    """Both lengths, each `ROUNDS` times. Leaves the variables of its namespace in `os.environ`."""
    recording = Recording(stack, FRAMES[-1])
    runs: list[dict[str, Any]] = []
    for frames in FRAMES:
        say(f"recording {frames:,} frames of {len(KINDS)} cameras on {PARTITIONS} partitions")
        recording.extend(frames)
        rounds = []
        for number in range(ROUNDS):
            say(f"{frames:,} frames: replay {number + 1} of {ROUNDS}")
            rounds.append(replayed())
        runs.append({
            "frames": frames,
            "wall_s": _figure([one.wall_s for one in rounds]),
            "cpu_s": _figure([one.cpu_s for one in rounds]),
            "peak_rss_mb": _figure([one.peak_rss_mb for one in rounds]),
            "exact": all(one.equal and one.verdicts == frames for one in rounds),
        })  # fmt: skip
    short, long = runs
    more = long["frames"] - short["frames"]
    wall_s, cpu_s = (long[name]["median"] - short[name]["median"] for name in ("wall_s", "cpu_s"))
    return {
        "signatures_per_s": round(more / wall_s),
        "cpu_us_per_signature": round(cpu_s / more * 1e6, 1),
        "start_s": round(short["wall_s"]["median"] - short["frames"] * wall_s / more, 2),
        "memory_ratio": round(long["peak_rss_mb"]["median"] / short["peak_rss_mb"]["median"], 3),
        "fitted_share": round(recording.fitted / recording.reasons.total(), 3),
        "exact": all(one["exact"] for one in runs),
        "reasons": dict(recording.reasons.most_common()),
        "runs": runs,
    }


def replayed() -> Replayed:
    """`winnow replay` in the namespace of the environment, on `CORES` cores. Raises `WinnowError` where it fails."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:CORES])
    try:
        began_s = time.monotonic()
        command = [sys.executable, "-m", "winnow_cli", "replay", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        os.sched_setaffinity(0, cores)
    whole = psutil.Process(process.pid)
    peaks: dict[int, float] = {}
    while True:
        for pid in _family(whole):
            peaks[pid] = max(peaks.get(pid, 0.0), _peak_rss_mb(pid))
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            break
        time.sleep(LOOK_EVERY_S)
    wall_s = time.monotonic() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    out, told = process.communicate()
    try:
        answer = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        raise WinnowError(f"winnow replay ended with {process.returncode}: {told[-1000:]}") from None
    return Replayed(wall_s, usage.ru_utime + usage.ru_stime, max(peaks.values()), answer["equal"], answer["verdicts"])


def goals(found: dict[str, Any]) -> list[Goal]:
    """The rate, memory that does not grow with the length, and the same verdicts."""
    return [
        at_least(f"signatures/s on {CORES} cores", found["signatures_per_s"], SIGNATURES_PER_S),
        at_most("memory of the longer to the shorter", found["memory_ratio"], MEMORY_RATIO),
        at_least("exactly the recorded verdicts and state (1: yes)", float(found["exact"]), 1.0),
    ]


def show(console: Console, found: dict[str, Any]) -> None:
    """Both lengths, and what a signature takes."""
    table = Table(title="winnow replay: median of the rounds (least-most)")
    for column in ("frames", "wall s", "CPU s", "peak MB of a process", "exact"):
        table.add_column(column, justify="right")
    for one in found["runs"]:
        cells = (
            "{median:.4g} ({least:.4g}-{most:.4g})".format(**one[name]) for name in ("wall_s", "cpu_s", "peak_rss_mb")
        )
        table.add_row(f"{one['frames']:,}", *cells, "yes" if one["exact"] else "NO")
    console.print(table)
    console.print(
        f"{found['signatures_per_s']:,} signatures/s after {found['start_s']:.1f} s of starting, "
        f"{found['cpu_us_per_signature']:.0f} us of CPU each; {found['fitted_share']:.0%} were fitted to a kept frame"
    )


def _family(process: psutil.Process) -> list[int]:
    try:
        return [process.pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _peak_rss_mb(pid: int) -> float:
    """The most that the process held since it began its program; 0 where it is gone."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _figure(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "least": round(min(values), 2),
        "most": round(max(values), 2),
    }

"""The selector's figures as a person reads them, and which goals they meet."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from winnow_cli.bench.goals import Goal, at_least, at_most, show_goals

COLD_CPU_S, CACHED_CPU_S = 15.0, 1.0
"""The stated bounds of compiling, on one core."""

HD = 720
"""Pictures of at least so many rows have the goals."""

ROWS = (
    ("bare gray/8 decode, frames per CPU second", "bare_per_cpu_s"),
    ("offline, frames per CPU second", "offline_per_cpu_s"),
    ("offline to bare decode", "offline_ratio"),
    ("  2 threads, per CPU second", "offline_2_threads_ratio"),
    ("  2 threads to 1, wall clock", "offline_2_threads_speedup"),
    ("  2 processes to 1, wall clock", "offline_2_processes_speedup"),
    ("bare decode, 2 threads to 1, wall clock", "bare_2_threads_speedup"),
    ("bare decode, 2 processes to 1, wall clock", "bare_2_processes_speedup"),
    ("after the decode, share of the bare one", "after_decode_of_bare"),
    ("after the decode, share of our own", "after_decode_of_own"),
    ("through Kafka to bare decode, 1 thread", "kafka_1_1_ratio"),
    ("  2 threads", "kafka_1_2_ratio"),
    ("  2 processes of 1 thread", "kafka_2_1_ratio"),
    ("  frames/s, wall clock, 1 thread", "kafka_1_1_wall_per_s"),
    ("  2 threads to 1, wall clock", "kafka_1_2_speedup"),
    ("  2 processes to 1, wall clock", "kafka_2_1_speedup"),
    ("reading the messages alone, share of the bare decode", "reading_of_bare"),
)


def goals(runs: list[dict[str, Any]], compiling: dict[str, float]) -> list[Goal]:
    """Each goal with what was measured, the median of the rounds."""
    found = []
    for run in (run for run in runs if run["height"] >= HD):
        size = f"{run['width']}x{run['height']}"
        found += [
            at_least(f"{size}: offline to bare decode", run["offline_ratio"]["median"], 1.1),
            at_least(f"{size}: through Kafka to bare decode", run["kafka_1_2_ratio"]["median"], 0.95),
            at_least(f"{size}: 2 processes to 1, offline", run["offline_2_processes_speedup"]["median"], 1.85),
            at_least(f"{size}: 2 processes to 1, Kafka", run["kafka_2_1_speedup"]["median"], 1.85),
        ]
        if run["height"] == 1080:
            found.append(at_most(f"{size}: after the decode, share of it", run["after_decode_of_own"]["median"], 0.15))
    found.append(at_most("compiling anew, CPU seconds", compiling["cold"], COLD_CPU_S))
    found.append(at_most("compiled code from the cache, CPU seconds", compiling["cached"], CACHED_CPU_S))
    return found


def show(console: Console, runs: list[dict[str, Any]], compiling: dict[str, float], found: list[Goal]) -> None:
    """The table of all sizes and the list of goals."""
    table = Table(title="selector: median of the rounds, and least-most")
    table.add_column("")
    for run in runs:
        table.add_column(f"{run['width']}x{run['height']}", justify="right")
    table.add_row("KB a frame", *(f"{run['bytes_per_frame'] / 1000:.0f}" for run in runs))
    for text, name in ROWS:
        table.add_row(text, *(_cell(run[name]) for run in runs))
    console.print(table)
    console.print(f"compiled code, CPU seconds: {compiling['cold']:.1f} anew, {compiling['cached']:.2f} from the cache")
    show_goals(console, found)


def _cell(figure: dict[str, float]) -> str:
    """The median, and below it the range: four sizes then have room in 80 columns."""
    median, least, most = (_number(figure[name]) for name in ("median", "least", "most"))
    return f"{median}\n{least}-{most}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

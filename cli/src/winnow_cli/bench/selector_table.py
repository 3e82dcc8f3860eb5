"""The selector's figures as a person reads them, and which goals they meet."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

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


def goals(runs: list[dict[str, Any]], compiling: dict[str, float]) -> list[dict[str, Any]]:
    """Each goal with what was measured, the median of the rounds; `met` says whether it was reached."""
    found = []

    def goal(text: str, value: float, *, least: float | None = None, most: float | None = None) -> None:
        met = (least is None or value >= least) and (most is None or value <= most)
        found.append({"goal": text, "wanted": least if most is None else most, "measured": value, "met": met})

    for run in (run for run in runs if run["height"] >= HD):
        size = f"{run['width']}x{run['height']}"
        goal(f"{size}: offline to bare decode, at least", run["offline_ratio"]["median"], least=1.1)
        goal(f"{size}: through Kafka to bare decode, at least", run["kafka_1_2_ratio"]["median"], least=0.95)
        goal(f"{size}: 2 processes to 1, offline, at least", run["offline_2_processes_speedup"]["median"], least=1.85)
        goal(f"{size}: 2 processes to 1, Kafka, at least", run["kafka_2_1_speedup"]["median"], least=1.85)
        if run["height"] == 1080:
            goal(f"{size}: after the decode, share of it, at most", run["after_decode_of_own"]["median"], most=0.15)
    goal("compiling anew, CPU seconds, at most", compiling["cold"], most=COLD_CPU_S)
    goal("compiled code from the cache, CPU seconds, at most", compiling["cached"], most=CACHED_CPU_S)
    return found


def show(
    console: Console, runs: list[dict[str, Any]], compiling: dict[str, float], found: list[dict[str, Any]]
) -> None:
    """The table of all sizes and the list of goals."""
    table = Table(title="selector: median of the rounds (least-most)")
    table.add_column("")
    for run in runs:
        table.add_column(f"{run['width']}x{run['height']}", justify="right")
    table.add_row("KB a frame", *(f"{run['bytes_per_frame'] / 1000:.0f}" for run in runs))
    for text, name in ROWS:
        table.add_row(text, *(_cell(run[name]) for run in runs))
    console.print(table)
    console.print(f"compiled code, CPU seconds: {compiling['cold']:.1f} anew, {compiling['cached']:.2f} from the cache")
    for goal in found:
        console.print(
            f"{'met   ' if goal['met'] else 'missed'}  {goal['goal']} {goal['wanted']:g}: {goal['measured']:.3g}"
        )


def _cell(figure: dict[str, float]) -> str:
    return "{median:.3g} ({least:.3g}-{most:.3g})".format(**figure)

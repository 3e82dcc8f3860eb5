"""`winnow chaos`: faults on purpose, and the proof that nobody can see them in what comes out."""

from __future__ import annotations

import json
import random
import statistics
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from rich.table import Table

    from winnow_cli.chaos.selector import Goal, Report

app = typer.Typer(no_args_is_help=True, help="Kill and stop processes on purpose, and compare with an undisturbed run.")


@app.callback()
def _group() -> None:
    """Makes `winnow chaos` a group though it has one command."""


@app.command()
def selector(
    kills: Annotated[int, typer.Option(min=1, help="How often; from 10 on every point is struck.")] = 30,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Repeats a run's frames and attacks. [default: drawn]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Kill and stop selectors at every point of their loop; exit 0 only if nobody could tell from what came out.

    Verdicts, kept frames, dead letters, state and offsets are compared with one process's that was left in peace, on
    the same input. Exit 1 too where readers of what comes out were held for longer than the goals say. Starts servers
    of its own. Takes about ten seconds a kill.

    Example: winnow chaos selector --kills 30 --seed 1 --json
    """
    from rich.console import Console

    from winnow_cli.chaos.campaign import plan
    from winnow_cli.chaos.selector import run
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    home = Home.default()
    with Stack.start(Home(home.path / "chaos", home.cache), "chaos") as stack:
        report = run(
            stack, stack.run.path, plan(kills, seed), seed=seed, say=lambda text: console.print(text, style="dim")
        )
    Console(highlight=False).print(_table(report))
    difference = report.difference
    for example in difference.examples:
        console.print(example, style="red", markup=False)
    words = "as if nothing had happened" if difference.holds else "not as in peace"
    missed = [name for name, goal in report.goals.items() if goal.met is False]
    words += f"; missed: {', '.join(missed)}" if missed else ""
    console.print(f"{difference.frames} frames, {kills} attacks, seed {seed}: {words}")
    if as_json:
        print(json.dumps(_plain(report, kills, seed)))
    if not report.holds:
        raise typer.Exit(FAILED)


def _plain(report: Report, kills: int, seed: int) -> dict[str, Any]:
    points: dict[str, dict[str, int]] = {}
    for attack, count in sorted(report.attacks.items()):
        points.setdefault(attack.point, {})[attack.signal.name] = count
    return {
        "kills": kills,
        "frames": report.difference.frames,
        "lost": report.difference.lost,
        "doubled": report.difference.doubled,
        "different": report.difference.different,
        "recovery_s": _quantiles(report.recovery_s),
        "held_s": {who: _quantiles(seconds) for who, seconds in report.held_s.items() if seconds},
        "goals": {name: _goal(goal) for name, goal in report.goals.items()},
        "points": points,
        "seed": seed,
    }


def _goal(goal: Goal) -> dict[str, Any]:
    measured = None if goal.measured is None else round(goal.measured, 2)
    return {"wanted": goal.wanted, "measured": measured, "met": goal.met}


def _quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p95 = ordered[-(-len(ordered) * 95 // 100) - 1]
    return {"p50": round(statistics.median(ordered), 2), "p95": round(p95, 2), "max": round(ordered[-1], 2)}


def _table(report: Report) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("point", "killed", "stopped", ""):
        table.add_column(column, justify="right" if column in ("killed", "stopped") else "left")
    points = sorted({attack.point for attack in report.attacks})
    for point in points:
        by_signal = {attack.signal.name: count for attack, count in report.attacks.items() if attack.point is point}
        table.add_row(point, *(str(by_signal.get(name, "")) for name in ("SIGKILL", "SIGSTOP")))
    table.add_row()
    table.add_row("goal", "at most", "measured", style="bold")
    for name, goal in report.goals.items():
        measured = "-" if goal.measured is None else f"{goal.measured:.3g}"
        table.add_row(name, f"{goal.wanted:g}", measured, "missed" if goal.met is False else "")
    return table

"""`winnow bench`: the figures of the documentation, made again by anyone."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from rich.console import Console

    from winnow_cli.stack import Stack

app = typer.Typer(no_args_is_help=True, help="Measure; every figure in docs/measurements comes from one of these.")

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
FOOTAGE = DATA / "footage" / "car-detection.mp4"
SIZES = (((1280, 720), 1500), ((1920, 1080), 800))
QUALITY = ("duplicates", "objects", "defects", "frozen", "tampering", "visits", "ordinary")
INGEST_SIZES, ROUNDS = (((1280, 720), 800), ((1920, 1080), 400)), 5

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]
Video = Annotated[Path, typer.Option(help="Footage to make the frames of.")]


@app.command()
def pipeline(video: Video = FOOTAGE, as_json: AsJson = False) -> None:
    """Frames per CPU second of the selector through the real broker, beside the bare decode of the same frames.

    Starts servers of its own. Takes about two minutes.

    Example: winnow bench pipeline --video yard.mp4 --json
    """
    from winnow_cli.bench.pipeline import run, show

    console = _console()
    _needs(video, console)
    with _servers() as stack:
        runs = [run(stack, video, size, n, _saying(console)) for size, n in SIZES]
    show(console, runs)
    if as_json:
        print(json.dumps({"runs": runs}))


@app.command()
def selector(video: Video = FOOTAGE, as_json: AsJson = False) -> None:
    """Frames per CPU second of the selector, offline and through Kafka, against the bare decode of the same frames.

    Starts servers of its own. Takes about five minutes on an idle machine. Exit 1 where a goal is missed.

    Example: winnow bench selector --video yard.mp4 --json
    """
    from winnow_cli.bench.selector import PLANS, compile_cpu_s, run
    from winnow_cli.bench.selector_table import goals, show

    console = _console()
    _needs(video, console)
    say = _saying(console)
    with _servers() as stack:
        say("compiling anew, and from the cache")
        compiling = compile_cpu_s(stack.env)
        runs = [run(stack, video, plan, say) for plan in PLANS]
    found = goals(runs, compiling)
    show(console, runs, compiling, found)
    if as_json:
        print(json.dumps({"runs": runs, "compile_cpu_s": compiling, "goals": found}))
    raise typer.Exit(0 if all(goal["met"] for goal in found) else 1)


@app.command()
def ingest(video: Video = FOOTAGE, as_json: AsJson = False) -> None:
    """Frames a second through folder, uploads and plain topic, beside a bare producer; a live camera's memory.

    Starts servers of its own. Takes about three minutes.

    Example: winnow bench ingest --video yard.mp4 --json
    """
    from winnow_cli.bench.ingest import run, show
    from winnow_cli.bench.ingest_camera import live_camera

    console = _console()
    _needs(video, console)
    say = _saying(console)
    with _servers() as stack:
        runs = [run(stack, video, size, frames, rounds=ROUNDS, say=say) for size, frames in INGEST_SIZES]
        camera = live_camera(stack, video, say)
    show(console, runs, camera)
    if as_json:
        print(json.dumps({"runs": runs, "live_camera": camera}))


@app.command()
def peers(
    only: Annotated[list[str] | None, typer.Option(help="One tool, by its name; again for another.")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Has footage/; where not, scenes are rendered.")] = DATA,
    as_json: AsJson = False,
) -> None:
    """ImageHash, imagededup, cleanvision and fastdup beside Winnow: speed, duplicates, blur and light, on one core.

    Makes an environment for each tool below the cache, the first time; needs a package index for it. Takes about
    ten minutes. A tool that cannot be had or fails is a row with the reason.

    Example: winnow bench peers --only imagededup --json
    """
    from winnow_cli.bench.peers.display import show
    from winnow_cli.bench.peers.run import chosen, run
    from winnow_cli.stack import Home

    console = _console()
    try:
        tools = chosen(only or [])
    except KeyError as error:
        console.print(f"there is no tool {error} to measure; the help names those there are", markup=False)
        raise typer.Exit(2) from None
    footage = data if (data / "footage").is_dir() else None
    found = run(tools, footage, Home.default().cache, _saying(console))
    show(found, console)
    if as_json:
        print(json.dumps(found))


@app.command()
def quality(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with footage/, which `visits` needs; rendered cameras alone where there is none."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Sections to measure: " + ", ".join(QUALITY))] = None,
    seed: Annotated[int, typer.Option(help="Of the sets. The rules' constants were tuned on others than 2.")] = 2,
    as_json: AsJson = False,
) -> None:
    """How well the selector judges: duplicates, spoiled and frozen pictures, tampering, and what to leave alone.

    Sets with stated strengths, from real footage and rendered cameras, through the decision that runs; each figure
    with its 95 % interval. No servers. Takes about ten minutes of one core. Exit 1 where a goal is missed.

    Example: winnow bench quality --only duplicates --only objects
    """
    from winnow.errors import Refused
    from winnow_cli.bench.quality.run import run
    from winnow_cli.bench.quality.table import as_rows, shown

    console = _console()
    if unknown := sorted(set(only or ()) - set(QUALITY)):
        console.print(f"no section {', '.join(unknown)}; there are {', '.join(QUALITY)}", markup=False)
        raise typer.Exit(2)
    folder = data or (DATA if FOOTAGE.is_file() else None)
    rows: list[dict[str, Any]] = []
    try:
        for measured in run(folder, only or (), seed, _saying(console)):
            console.print(shown(measured))
            rows += as_rows(measured)
    except Refused as error:
        console.print(str(error), markup=False)
        raise typer.Exit(2) from error
    if as_json:
        print(json.dumps({"seed": seed, "footage": folder is not None, "figures": rows}, allow_nan=False))
    if any(row["met"] is False for row in rows):
        raise typer.Exit(FAILED)


@app.command()
def restore(
    cameras: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Seconds until one selector has the state of many cameras back, after an hour of frames; bytes of a full state.

    Starts servers of its own. Takes about two minutes.

    Example: winnow bench restore --cameras 1000 --json
    """
    from winnow_cli.bench.restore import run

    console = _console()
    with _servers() as stack:
        found = run(stack, cameras, _saying(console))
    console.print(
        f"{cameras} cameras, {found['records']:,} records of {found['log_mb']:.0f} MB: restored in "
        f"{found['restore_s']:.1f} s ({found['start_to_ready_s']:.1f} s from the process's start), "
        f"{found['rss_mb']:.0f} MB of memory; a full state has {found['state_bytes_per_camera'] / 1000:.0f} KB"
    )
    if as_json:
        print(json.dumps(found))


@app.command()
def replay(as_json: AsJson = False) -> None:
    """Signatures a second of `winnow replay` on two cores, what one costs, and memory at two lengths.

    Records simulated cameras as the ledger does, on servers of its own. Takes about six minutes. Exit 1 where a goal
    is missed.

    Example: winnow bench replay --json
    """
    from winnow_cli.bench.goals import show_goals
    from winnow_cli.connection import environment

    console = _console()
    with _servers() as stack:
        environment(stack)  # before what is compiled: by the same target as the command's
        from winnow_cli.bench.replay import goals, run, show

        found = run(stack, _saying(console))
    wanted = goals(found)
    show(console, found)
    show_goals(console, wanted)
    if as_json:
        print(json.dumps({**found, "goals": wanted}))
    raise typer.Exit(0 if all(goal["met"] for goal in wanted) else FAILED)


@app.command()
def overload(
    plot: Annotated[Path | None, typer.Option(help="PNG of the lag over time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lag, and what is still seen, at 150 % of what can be judged: with overload off and on.

    Renders its frames, starts servers of its own. Takes about three minutes. Exit 1 where a frame has no verdict or
    two, where it was no overload, where effort was not reduced or not full again in the end, or where the lag is not
    held within twice the limit.

    Example: winnow bench overload --plot lag.png --json
    """
    from winnow_cli.bench.overload import CAMERAS, LIMIT_S, LOAD, LOAD_S, load, rate_of_load
    from winnow_cli.bench.overload_plot import draw
    from winnow_cli.bench.overload_result import faults, table
    from winnow_cli.bench.overload_scene import HEIGHT, WIDTH, render

    console = _console()

    say = _saying(console)
    say("rendering the scene")
    footage = render()
    with _servers() as stack:
        per_s = rate_of_load(stack, footage, say)
        results = {
            name: load(stack, footage, per_s, overload=on, say=say) for name, on in (("off", False), ("on", True))
        }
    console.print(table(results, LIMIT_S))
    if plot is not None:
        draw(results, LIMIT_S, LOAD_S, plot)
        say(f"plot: {plot}")
    wrong = faults(results["off"], results["on"], limit_s=LIMIT_S, last=CAMERAS)
    for fault in wrong:
        console.print(fault, style="red")
    if as_json:
        asked = {"width": WIDTH, "height": HEIGHT, "cameras": CAMERAS, "load": LOAD, "limit_s": LIMIT_S}
        runs = {name: result.plain() for name, result in results.items()}
        print(json.dumps({"holds": not wrong, "faults": wrong, **asked, "runs": runs}))
    if wrong:
        raise typer.Exit(FAILED)


def _console() -> Console:
    """Where a benchmark speaks to people: standard output is for programs."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _saying(console: Console) -> Callable[[str], None]:
    """Says what is being done."""
    return lambda text: console.print(text, style="dim", markup=False)


def _needs(video: Path, console: Console) -> None:
    """Ends the command where the footage is not there."""
    if not video.is_file():
        console.print(f"{video} is not there; name a video with --video", markup=False)
        raise typer.Exit(2)


def _servers() -> AbstractContextManager[Stack]:
    """Servers in a home of their own below this one."""
    from winnow_cli.stack import Home, Stack

    home = Home.default()
    return Stack.start(Home(home.path / "bench", home.cache), "bench")

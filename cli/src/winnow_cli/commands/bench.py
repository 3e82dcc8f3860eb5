"""`winnow bench`: the figures of the documentation, made again by anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from winnow_cli.failures import FAILED

app = typer.Typer(no_args_is_help=True, help="Measure; every figure in docs/measurements comes from one of these.")

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
FOOTAGE = DATA / "footage" / "car-detection.mp4"
SIZES = (((1280, 720), 1500), ((1920, 1080), 800))
QUALITY = ("duplicates", "objects", "defects", "frozen", "tampering", "visits", "ordinary")
INGEST_SIZES, ROUNDS = (((1280, 720), 800), ((1920, 1080), 400)), 5


@app.command()
def pipeline(
    video: Annotated[Path, typer.Option(help="Footage to make the frames of.")] = FOOTAGE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Frames per CPU second of the selector through the real broker, beside the bare decode of the same frames.

    Starts servers of its own. Takes about two minutes.

    Example: winnow bench pipeline --video yard.mp4 --json
    """
    from rich.console import Console

    from winnow_cli.bench.pipeline import run
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)
    if not video.is_file():
        console.print(f"{video} is not there; name a video with --video")
        raise typer.Exit(2)
    home = Home.default()
    with Stack.start(Home(home.path / "bench", home.cache), "bench") as stack:
        runs = [run(stack, video, size, n, lambda text: console.print(text, style="dim")) for size, n in SIZES]
    _show(runs)
    if as_json:
        print(json.dumps({"runs": runs}))


@app.command()
def selector(
    video: Annotated[Path, typer.Option(help="Footage to make the frames of.")] = FOOTAGE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Frames per CPU second of the selector, offline and through Kafka, against the bare decode of the same frames.

    Starts servers of its own. Takes about five minutes on an idle machine. Exit 1 where a goal is missed.

    Example: winnow bench selector --video yard.mp4 --json
    """
    from rich.console import Console

    from winnow_cli.bench.selector import PLANS, compile_cpu_s, run
    from winnow_cli.bench.selector_table import goals, show
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)
    if not video.is_file():
        console.print(f"{video} is not there; name a video with --video")
        raise typer.Exit(2)

    def say(text: str) -> None:
        console.print(text, style="dim")

    home = Home.default()
    with Stack.start(Home(home.path / "bench", home.cache), "bench") as stack:
        say("compiling anew, and from the cache")
        compiling = compile_cpu_s(stack.env)
        runs = [run(stack, video, plan, say) for plan in PLANS]
    found = goals(runs, compiling)
    show(console, runs, compiling, found)
    if as_json:
        print(json.dumps({"runs": runs, "compile_cpu_s": compiling, "goals": found}))
    raise typer.Exit(0 if all(goal["met"] for goal in found) else 1)


@app.command()
def ingest(
    video: Annotated[Path, typer.Option(help="Footage to make the frames of.")] = FOOTAGE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Frames a second through folder, uploads and plain topic, beside a bare producer; a live camera's memory.

    Starts servers of its own. Takes about three minutes.

    Example: winnow bench ingest --video yard.mp4 --json
    """
    from rich.console import Console

    from winnow_cli.bench.ingest import run
    from winnow_cli.bench.ingest_camera import live_camera
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)
    if not video.is_file():
        console.print(f"{video} is not there; name a video with --video")
        raise typer.Exit(2)

    def say(text: str) -> None:
        console.print(text, style="dim")

    home = Home.default()
    with Stack.start(Home(home.path / "bench", home.cache), "bench") as stack:
        runs = [run(stack, video, size, frames, rounds=ROUNDS, say=say) for size, frames in INGEST_SIZES]
        camera = live_camera(stack, video, say)
    _show_ingest(runs, camera)
    if as_json:
        print(json.dumps({"runs": runs, "live_camera": camera}))


@app.command()
def peers(
    only: Annotated[list[str] | None, typer.Option(help="One tool, by its name; again for another.")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Has footage/; where not, scenes are rendered.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """ImageHash, imagededup, cleanvision and fastdup beside Winnow: speed, duplicates, blur and light, on one core.

    Makes an environment for each tool below the cache, the first time; needs a package index for it. Takes about
    ten minutes. A tool that cannot be had or fails is a row with the reason.

    Example: winnow bench peers --only imagededup --json
    """
    from rich.console import Console

    from winnow_cli.bench.peers.display import show
    from winnow_cli.bench.peers.run import chosen, run
    from winnow_cli.stack import Home

    console = Console(stderr=True, highlight=False)
    try:
        tools = chosen(only or [])
    except KeyError as error:
        console.print(f"there is no tool {error} to measure; the help names those there are", markup=False)
        raise typer.Exit(2) from None
    footage = data if (data / "footage").is_dir() else None
    found = run(tools, footage, Home.default().cache, lambda text: console.print(text, style="dim", markup=False))
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """How well the selector judges: duplicates, spoiled and frozen pictures, tampering, and what to leave alone.

    Sets with stated strengths, from real footage and rendered cameras, through the decision that runs; each figure
    with its 95 % interval. No servers. Takes about ten minutes of one core. Exit 1 where a goal is missed.

    Example: winnow bench quality --only duplicates --only objects
    """
    from rich.console import Console

    from winnow.errors import Refused
    from winnow_cli.bench.quality.run import run
    from winnow_cli.bench.quality.table import as_rows, shown

    console = Console(stderr=True, highlight=False)
    if unknown := sorted(set(only or ()) - set(QUALITY)):
        console.print(f"no section {', '.join(unknown)}; there are {', '.join(QUALITY)}", markup=False)
        raise typer.Exit(2)
    folder = data or (DATA if FOOTAGE.is_file() else None)
    rows: list[dict[str, Any]] = []
    try:
        for measured in run(folder, only or (), seed, lambda text: console.print(text, style="dim", markup=False)):
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Seconds until one selector has the state of many cameras back, after an hour of frames; bytes of a full state.

    Starts servers of its own. Takes about two minutes.

    Example: winnow bench restore --cameras 1000 --json
    """
    from rich.console import Console

    from winnow_cli.bench.restore import run
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)
    home = Home.default()
    with Stack.start(Home(home.path / "bench", home.cache), "bench") as stack:
        found = run(stack, cameras, lambda text: console.print(text, style="dim"))
    console.print(
        f"{cameras} cameras, {found['records']:,} records of {found['log_mb']:.0f} MB: restored in "
        f"{found['restore_s']:.1f} s ({found['start_to_ready_s']:.1f} s from the process's start), "
        f"{found['rss_mb']:.0f} MB of memory; a full state has {found['state_bytes_per_camera'] / 1000:.0f} KB"
    )
    if as_json:
        print(json.dumps(found))


def _show_ingest(runs: list[dict[str, Any]], camera: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    for run in runs:
        table = Table(title=f"{run['width']}x{run['height']}, {run['bytes_per_frame'] / 1000:.0f} KB a frame")
        table.add_column("way in")
        for column in ("frames/s", "MB/s", "to bare", "range", "CPU ms", "client's"):
            table.add_column(column, justify="right")
        for name, door in run["doors"].items():
            table.add_row(
                name,
                f"{door['frames_per_s']:.0f}",
                f"{door['mb_per_s']:.0f}",
                f"{door['ratio']:.2f}",
                "-".join(f"{ratio:.2f}" for ratio in door["ratio_spread"]),
                f"{door['cpu_s_per_1000']:.2f}",
                f"{door['client_cpu_s_per_1000']:.2f}" if "client_cpu_s_per_1000" in door else "",
            )
        console.print(table)
    console.print(
        f"a live camera of 1920x1080 over MJPEG: {camera['total_mb']:.0f} MB "
        f"(ingest {camera['rss_mb']:.0f}, its child {camera['child_rss_mb']:.0f})"
    )


def _show(runs: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="selector through the broker, frames per CPU second")
    for column in ("size", "KB a frame", "selector", "bare decode", "ratio", "wall/s", "p50 ms", "p99 ms", "state B"):
        table.add_column(column, justify="right")
    for row in runs:
        table.add_row(
            f"{row['width']}x{row['height']}",
            f"{row['bytes_per_frame'] / 1000:.0f}",
            f"{row['selector_per_cpu_s']:.0f}",
            f"{row['bare_decode_per_cpu_s']:.0f}",
            f"{row['ratio']:.2f}",
            f"{row['wall_per_s']:.0f}",
            f"{row['latency_ms']['p50']:.0f}",
            f"{row['latency_ms']['p99']:.0f}",
            str(row["state_bytes_per_frame"]),
        )
    Console(stderr=True).print(table)


@app.command()
def overload(
    plot: Annotated[Path | None, typer.Option(help="PNG of the lag over time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Lag, and what is still seen, at 150 % of what can be judged: with overload off and on.

    Renders its frames, starts servers of its own. Takes about three minutes. Exit 1 where a frame has no verdict or
    two, or where the lag is not held within twice the limit.

    Example: winnow bench overload --plot lag.png --json
    """
    from rich.console import Console

    from winnow_cli.bench.overload import CAMERAS, LIMIT_S, LOAD, LOAD_S, load, rate_of_load
    from winnow_cli.bench.overload_plot import draw
    from winnow_cli.bench.overload_result import table
    from winnow_cli.bench.overload_scene import HEIGHT, WIDTH, render
    from winnow_cli.stack import Home, Stack

    console = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        console.print(text, style="dim")

    say("rendering the scene")
    footage = render()
    home = Home.default()
    with Stack.start(Home(home.path / "bench", home.cache), "bench") as stack:
        per_s = rate_of_load(stack, footage, say)
        results = {
            name: load(stack, footage, per_s, overload=on, say=say) for name, on in (("off", False), ("on", True))
        }
    console.print(table(results, LIMIT_S))
    if plot is not None:
        draw(results, LIMIT_S, LOAD_S, plot)
        say(f"plot: {plot}")
    holds = all(result.whole for result in results.values()) and results["on"].longest_s <= 2 * LIMIT_S
    if as_json:
        asked = {"width": WIDTH, "height": HEIGHT, "cameras": CAMERAS, "load": LOAD, "limit_s": LIMIT_S}
        runs = {name: result.plain() for name, result in results.items()}
        print(json.dumps({"holds": holds, **asked, "runs": runs}))
    if not holds:
        raise typer.Exit(FAILED)

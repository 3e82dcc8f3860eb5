"""`winnow bench`: the figures of the documentation, made again by anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Measure; every figure in docs/measurements comes from one of these.")

FOOTAGE = Path(__file__).resolve().parents[5] / "shared" / "data" / "footage" / "car-detection.mp4"
SIZES = (((1280, 720), 1500), ((1920, 1080), 800))


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

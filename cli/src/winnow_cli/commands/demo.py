"""`winnow demo`: the whole job on real parts, from a bare machine to the balance."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from winnow_cli.failures import FAILED

DEFAULT_CAMERAS, DEFAULT_MINUTES = 3, 1.0
SEED = 7


def demo(
    video: Annotated[list[Path] | None, typer.Option(help="A video file that plays as a camera; repeatable.")] = None,
    cameras: Annotated[int | None, typer.Option(min=1, max=16, help="Rendered cameras (3 without --video).")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, max=1440, help="How long to play: scenes 1, videos whole.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running for the other commands.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line of stdout.")] = False,
) -> None:
    """Start real servers, play cameras through Kafka, and prove that every frame is accounted for.

    Everything runs as processes of this machine on 127.0.0.1, with new data under the home's `demo` folder. Exit code
    0 only if every frame has its verdict and every kept one is stored.

    Examples: `winnow demo` · `winnow demo --video yard.mp4 --video gate.mp4 --json` · `winnow demo --cameras 5 --keep`
    """
    began_s = time.monotonic()
    from winnow_cli.connection import environment
    from winnow_cli.demo import cameras as plan
    from winnow_cli.demo.display import summary
    from winnow_cli.demo.run import play
    from winnow_cli.progress import console, download, show
    from winnow_cli.stack import Home, Stack

    for path in video or []:
        if not path.is_file():
            raise typer.BadParameter(f"{path} is not a file", param_hint="--video")
    home = Home.default()
    with Stack.start(home, "demo", report=show, downloads=download) as stack:
        environment(stack)
        playing = plan.from_videos(video or [], minutes)
        if cameras or not video:
            truth = stack.run.path / "truth"
            truth.mkdir(exist_ok=True)
            playing += plan.from_scenes(cameras or DEFAULT_CAMERAS, minutes or DEFAULT_MINUTES, truth, seed=SEED)
        done = play(stack, playing, console, began_s=began_s)
        console.print(summary(done, stack.run.path, kept_running=keep))
        for problem in done.problems:
            console.print(f"[red]problem:[/] {problem}")
        if keep:
            stack.detach()
    if as_json:
        print(json.dumps(done.result))
    if not done.holds:
        raise typer.Exit(FAILED)

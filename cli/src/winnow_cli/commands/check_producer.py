"""`winnow check-producer`: what is wrong with what cameras send."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from winnow_cli.failures import FAILED

WATCH_S = 30.0


def check_producer(
    *,
    camera: Annotated[str | None, typer.Option(help="Only this camera: its key.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, help=f"How long to watch; {WATCH_S:g}, or with --from-beginning to the end.", metavar="N"
        ),
    ] = None,
    records: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after this many records.")] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Check what the topic holds, not what comes from now on.")
    ] = False,
    topic: Annotated[str | None, typer.Option(help="Another topic than the frames topic.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Say for each camera what is wrong with what it sends, what it costs, and the mend.

    Looks at schema, key, ids, clock, order, size, rate, repeats, partition, compression and the pictures' headers.
    Changes nothing, commits nothing. Ctrl-C ends the watch early. Exit 1 if a camera has an error, or nothing came.

    Examples: `winnow check-producer` · `winnow check-producer --camera yard-1 --records 100 --from-beginning`
    """
    from rich.console import Console

    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment
    from winnow_cli.producers.table import show
    from winnow_cli.producers.watch import watch

    environment()
    settings = load(KafkaSettings)
    watched = topic or settings.names.frames
    if seconds is None and not from_beginning:
        seconds = WATCH_S
    with Console(stderr=True).status(f"watching {watched}") as status:
        report = watch(
            settings,
            watched,
            camera=camera,
            seconds=seconds,
            most_records=records,
            from_beginning=from_beginning,
            progress=lambda seen: status.update(f"watching {watched}: {seen:,} records"),
        )
    if as_json:
        print(json.dumps(report.to_json()))
    if not report.records:
        of_camera = f" of camera {camera}" if camera else ""
        held = "holds no record" if from_beginning else f"got no record in {report.watched_s:g} s"
        earlier = "" if from_beginning else " --from-beginning checks what is there already."
        print(
            f"winnow: {watched} {held}{of_camera}.{earlier} Look at the producer's delivery reports: whom the broker "
            "refuses, it tells; `winnow status` names the broker.",
            file=sys.stderr,
        )
        raise typer.Exit(FAILED)
    if not as_json:
        show(report, Console(highlight=False))
    raise typer.Exit(0 if report.holds else FAILED)

"""`winnow replay`: recorded verdicts decided again, and what another policy would have kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from winnow_cli.failures import FAILED


def replay(
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML or JSON with fields of a policy, in place of those that were in force: what it would have kept.",
        ),
    ] = None,
    camera: Annotated[str | None, typer.Option(metavar="ID", help="Only this camera's frames.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Decide every recorded frame again from its signature; exit 0 only if all is exactly as it was live.

    With `--policy` it shows what that policy would have kept of the same frames, beside what was kept. Reads the
    ledger and, for what it has not written yet, the topics; changes nothing.

    Examples: `winnow replay`; `winnow replay --policy fewer.yaml --camera yard-1`
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from winnow_cli.connection import environment

    environment()  # before what is compiled: by the same target as the selector's

    from ledger.settings import ReaderSettings
    from winnow.settings import load
    from winnow_cli.offline.policy import policy_fields
    from winnow_cli.replay import display
    from winnow_cli.replay.run import run

    fields = policy_fields(policy) if policy is not None else None
    told = Console(stderr=True, highlight=False)
    done = []
    columns = (SpinnerColumn(), TextColumn("{task.completed} partitions"), TimeElapsedColumn())
    with Progress(*columns, console=told, transient=True, disable=not told.is_terminal) as progress:
        task = progress.add_task("", total=None)
        for one in run(load(ReaderSettings), camera_id=camera, fields=fields):
            done.append(one)
            progress.advance(task)
    done.sort(key=lambda one: one.walk.partition)
    shown = Console(highlight=False, soft_wrap=True)
    if fields is None:
        holds, plain = display.equal(done), display.comparison_json(done)
    else:
        holds, plain = display.whole(done), display.kept_json(done)
    if as_json:
        print(json.dumps(plain))
    elif policy is not None:
        display.show_kept(done, policy.name, shown)
    else:
        display.show_comparison(done, shown)
    found = any(one.compared or one.pairs for one in done)
    if camera is not None and not found:
        told.print(f"winnow: no verdict of camera {camera} is recorded", style="red", markup=False)
    sys.stdout.flush()
    if not holds or (camera is not None and not found):
        raise typer.Exit(FAILED)

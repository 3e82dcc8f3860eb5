"""`winnow up`, `down`, `status`, `logs`: the local servers, and the services behind them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from winnow_cli.stack import Home
    from winnow_cli.stack.home import RunFolder

FOLLOW_EVERY_S = 0.2


def up() -> None:
    """Start the local servers and services, and leave them running.

    Data, ports and secrets stay in the home (`WINNOW_HOME`, else `.winnow` of the clone) until the next `up`.
    Ctrl-C before all is ready takes everything down again.

    Example: `winnow up && winnow status`
    """
    from winnow_cli import services
    from winnow_cli.connection import environment
    from winnow_cli.deployment.prepare import prepare
    from winnow_cli.progress import console, download, show
    from winnow_cli.stack import Home, Stack

    home, began = Home.default(), time.monotonic()
    with Stack.start(home, "up", report=show, downloads=download) as stack:
        environment(stack)
        prepare()
        specs = [*services.service_specs(stack.env, home), services.ingest_spec(stack)]
        for spec in specs:
            stack.add(spec, wait=False)
        for spec in specs:
            seconds = stack.wait_ready(spec.name)
            show({"event": "ready", "name": spec.name, "seconds": seconds})
        stack.detach()
    console.print(
        f"All is ready after {time.monotonic() - began:.1f} s. `winnow status` shows it, `winnow down` stops it."
    )


def down() -> None:
    """Stop what runs in this home, and return when the last process is gone. Data stays.

    Example: `winnow down`
    """
    from winnow_cli.progress import console
    from winnow_cli.stack import Home, Stack

    stack = Stack.attach(Home.default())
    stack.down()
    console.print(f"Stopped; the data is in {stack.run.path}.")


def status(
    cameras: Annotated[
        bool, typer.Option("--cameras", help="The cameras instead: last frame, rate, verdicts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show what runs in this home. Exit code 0 when all is ready, 1 when something is not, 3 when nothing runs.

    Examples: `winnow status --json | jq '.processes[] | {name, ready}'` · `winnow status --cameras`
    """
    if cameras:
        from winnow_cli.commands.cameras import show_cameras

        show_cameras(as_json=as_json)
        return
    from winnow_cli.stack import Home, Stack

    stack = Stack.attach(Home.default())
    processes = stack.status()
    if as_json:
        shown = {"run": stack.run.name, "home": str(stack.home.path), "env": stack.env, "processes": processes}
        print(json.dumps(shown))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(title=f"winnow {stack.run.name} in {stack.home.path}", title_justify="left")
        for column in ("name", "state", "pid", "up", "restarts", "memory", "ports"):
            table.add_column(column, justify="right" if column in {"pid", "up", "restarts", "memory"} else "left")
        for one in processes:
            table.add_row(
                one["name"],
                f"[{'green' if _well(one) else 'red'}]{'ready' if one['ready'] else one['state']}[/]",
                str(one["pid"] or ""),
                _duration(one["up_s"]),
                str(one["restarts"]),
                f"{one['rss_bytes'] / (1 << 20):.0f} MiB" if one["rss_bytes"] else "",
                ", ".join(f"{name} {port}" for name, port in one["ports"].items()),
            )
        Console().print(table)
    if not all(_well(one) for one in processes):
        raise typer.Exit(FAILED)


def _well(process: dict[str, Any]) -> bool:
    """Ready, or at its own end after all its work, as ingest is after a demo."""
    return bool(process["ready"] or (process["state"] == "ended" and process["exit_code"] == 0))


def _process_names(incomplete: str) -> list[str]:
    from winnow_cli.stack import Home

    folder = _folder_with_logs(Home.default())
    return [name for name in _log_names(folder) if name.startswith(incomplete)] if folder else []


def logs(
    name: Annotated[str, typer.Argument(help="A process, as `winnow status` names it.", autocompletion=_process_names)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of the end.")] = 100,
) -> None:
    """Print the end of a process's log: of the run that is up, else of the last one.

    Example: `winnow logs kafka -n 20 -f`
    """
    from winnow_cli.stack import Home

    home = Home.default()
    folder = _folder_with_logs(home)
    if folder is None:
        print(f"winnow: {home.path} has no logs yet. `winnow up` starts something.", file=sys.stderr)
        raise typer.Exit(FAILED)
    log = folder.log(name)
    if not log.exists():
        known = ", ".join(_log_names(folder))
        print(f"winnow: {folder.logs} has no log of {name}; there are: {known}.", file=sys.stderr)
        raise typer.Exit(FAILED)
    _print_end(log, lines, follow=follow)


def _folder_with_logs(home: Home) -> RunFolder | None:
    from winnow_cli.stack import running_run
    from winnow_cli.stack.home import RUNS

    running = running_run(home)
    if running is not None:
        return running
    last = [folder for folder in map(home.run, RUNS) if folder.logs.exists()]
    return max(last, key=lambda folder: folder.logs.stat().st_mtime, default=None)


def _log_names(folder: RunFolder) -> list[str]:
    return sorted(log.stem for log in folder.logs.glob("*.log"))


def _print_end(log: Path, lines: int, *, follow: bool) -> None:
    with log.open("rb") as file:
        end = file.read().splitlines(keepends=True)[-lines:] if lines else [file.read()][:0]
        sys.stdout.buffer.writelines(end)
        sys.stdout.flush()
        while follow:
            more = file.read()
            if more:
                sys.stdout.buffer.write(more)
                sys.stdout.flush()
            else:
                time.sleep(FOLLOW_EVERY_S)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"

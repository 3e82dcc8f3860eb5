"""`winnow doctor`: what is missing or wrong here, and the mend."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from winnow_cli.failures import FAILED


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False) -> None:
    """Say what is missing or wrong on this machine and in this installation, and what mends it.

    Looks at machine, disk, ports, processes and packages; and at what runs in this home, or at the servers that
    WINNOW_KAFKA_BOOTSTRAP and the other settings name: topics, schemas, policies, lag, dead letters, spool, storage,
    clocks, cameras. Changes nothing but a probe object, which it deletes. Takes at most 20 s, whatever hangs.
    Exit 1 if something is wrong; warnings are none.

    Example: winnow doctor --json | jq '.checks[] | select(.state == "wrong") | .mend'
    """
    from dataclasses import asdict

    from rich.console import Console

    from winnow_cli.doctor.display import show
    from winnow_cli.doctor.examine import examine
    from winnow_cli.doctor.finding import State
    from winnow_cli.stack import Home

    findings = examine(Home.default())
    holds = all(one.state is not State.WRONG for one in findings)
    if as_json:
        print(json.dumps({"ok": holds, "checks": [asdict(one) for one in findings]}))
    else:
        show(findings, Console(highlight=False))
    raise typer.Exit(0 if holds else FAILED)

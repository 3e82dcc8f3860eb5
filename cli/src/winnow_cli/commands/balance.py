"""`winnow balance`: is every frame accounted for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ledger.domain.balance import Balance


def balance(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Prove that every frame has one verdict and every kept one its place; exit 0 only if it holds.

    The proof rests on what is there: the ledger's files, the topics, the store's rows and the objects themselves.

    Example: winnow balance --json | jq .balanced
    """
    from ledger.adapters.evidence import balance as account
    from ledger.settings import ReaderSettings
    from winnow.settings import load
    from winnow_cli.connection import environment

    environment()
    found = account(load(ReaderSettings))
    if as_json:
        print(json.dumps(found.to_json()))
    else:
        show(found)
    raise typer.Exit(0 if found.balanced else 1)


def show(found: Balance) -> None:
    """The account as a table, and below it what is wrong."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("", "frames", "", title="Balance", title_justify="left", show_edge=False)
    table.columns[1].justify = "right"
    table.add_row("frames", str(found.frames), "from the recorded start to the committed offset")
    table.add_row("  expired", str(found.expired), "retention took them before they were judged")
    table.add_row("  lost", str(found.lost), "no verdict, and nothing explains it")
    pending = f"{found.pending} of them not in the ledger's files yet" if found.pending else ""
    table.add_row("  verdicts", str(found.verdicts), pending)
    for reason, number in found.rejected.items():
        table.add_row("    rejected", str(number), reason)
    table.add_row("    unreadable", str(found.unreadable), "")
    table.add_row("    redelivered", str(found.redelivered), "")
    table.add_row("    kept", str(found.kept), f"{found.control} of them control frames")
    table.add_row("      stored", str(found.stored), "row and object are there")
    table.add_row("      in flight", str(found.in_flight), "selected, not yet stored")
    table.add_row("      dead letters", str(found.dead_letters), "the store could not take them")
    table.add_row("      missing", str(found.missing), "")
    table.add_row("doubled", str(found.doubled), "more than one verdict")
    table.add_row("doubtful", str(found.doubtful), "verdicts on what is no frame")
    table.add_row("not judged yet", str(found.unjudged), "offsets after the committed one")
    console.print(table)
    for problem in found.problems:
        console.print(f"[yellow]![/] {problem}", soft_wrap=True)
    console.print("[green]Every frame is accounted for.[/]" if found.balanced else "[red]The balance does not hold.[/]")

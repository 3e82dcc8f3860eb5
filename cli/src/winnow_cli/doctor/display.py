"""The findings for people: wrong first, each with its mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from winnow_cli.doctor.finding import Finding, State

COLOURS = {State.WRONG: "red", State.WARNING: "yellow", State.NOT_LOOKED_AT: "cyan", State.OK: "green"}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Prints them, worst first, and counts them in the last line. What servers say is shown without control codes."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for state in State:
        for one in findings:
            if one.state is state:
                table.add_row(Text(state, style=COLOURS[state]), Text(one.name), _plain(one.what))
                if one.mend:
                    table.add_row("", Text("mend", style="dim", justify="right"), _plain(one.mend))
    console.print(table)
    counts = Counter(one.state for one in findings)
    console.print(
        f"{counts[State.WRONG]} wrong, {counts[State.WARNING]} warning{'' if counts[State.WARNING] == 1 else 's'}, "
        f"{counts[State.OK]} ok, {counts[State.NOT_LOOKED_AT]} not looked at."
    )


def _plain(text: str) -> Text:
    flat = " ".join(text.split())
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in flat))

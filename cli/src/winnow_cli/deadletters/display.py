"""How dead letters are shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from winnow_cli.deadletters.letters import Letter
from winnow_cli.deadletters.redrive import Redriven
from winnow_cli.progress import console as err

MOST_NAMED = 10


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(text, total=total)
        yield lambda count: bars.advance(task, count)


def summary(topic: str, service: str, letters: list[Letter]) -> dict[str, Any]:
    """A topic's letters in number, and by error, the most frequent first."""
    by_error: dict[str, list[Letter]] = {}
    for letter in letters:
        by_error.setdefault(letter.sort, []).append(letter)
    last = max(letters, key=_age, default=None)
    return {
        "topic": topic,
        "service": service,
        "count": len(letters),
        "waiting": _waiting(letters),
        "last": last.place if last else None,
        "last_error": last.error if last else None,
        "errors": [
            {
                "error": error,
                "count": len(same),
                "waiting": _waiting(same),
                "last": max(same, key=_age).place,
                "last_at": max(same, key=_age).at.isoformat(),
            }
            for error, same in sorted(by_error.items(), key=lambda one: -len(one[1]))
        ],
    }


def _age(letter: Letter) -> tuple[datetime, int]:
    return letter.at, letter.offset


def _waiting(letters: list[Letter]) -> int:
    return sum(not letter.redriven for letter in letters)


def print_list(topics: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    for topic in topics:
        if not topic["count"]:
            console.print(f"{topic['topic']}: none", soft_wrap=True)
            continue
        back = topic["count"] - topic["waiting"]
        title = f"{topic['topic']}: {topic['count']}" + (f", {back} of them put back" if back else "")
        table = Table("letters", "waiting", "last", "at", "error", title=title, title_justify="left", show_edge=False)
        table.columns[0].justify = table.columns[1].justify = "right"
        for row in topic["errors"]:
            at = f"{datetime.fromisoformat(row['last_at']).astimezone():%m-%d %H:%M:%S}"
            table.add_row(str(row["count"]), str(row["waiting"]), row["last"], at, Text(_printable(row["error"])))
        console.print(table)
    if any(topic["waiting"] for topic in topics):
        console.print("`winnow dlq show PARTITION:OFFSET` prints one; `winnow dlq redrive` puts them back.")


def print_letter(letter: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    back = ", put back" if letter["redriven"] else ""
    console.print(
        f"[bold]{letter['topic']}[/] {letter['partition']}:{letter['offset']}, {letter['size_bytes']} bytes{back}"
    )
    console.print(_printable(f"  key: {letter['key']}"), markup=False)
    for name, value in letter["headers"].items():
        console.print(_printable(f"  {name}: {value}"), markup=False)
    console.print(f"  first bytes: {letter['first_bytes']}")
    value = letter["value"] or f"cannot be decoded: {letter['undecodable']}"
    console.print(_printable(f"  value: {value}"), markup=False)


def print_redriven(account: Redriven, *, dry_run: bool, as_json: bool) -> None:
    errors = Counter(letter.sort for letter in account.done)
    if as_json:
        found = {
            "dry_run": dry_run,
            "redriven": len(account.done),
            "before": account.before,
            "gone": account.gone,
            "refused": [{"topic": x.topic, "place": x.place, "reason": reason} for x, reason in account.refused],
            "errors": dict(errors.most_common()),
        }
        print(json.dumps(found))
        return
    done = len(account.done)
    print(f"{done} {'dead letter' if done == 1 else 'dead letters'} {'would be ' if dry_run else ''}put back")
    for sort, count in errors.most_common():
        print(f"  {count:6}  {_printable(sort)}")
    if account.before:
        print(f"{account.before} put back before")
    if account.gone:
        print(f"{account.gone} taken by retention meanwhile")
    if account.refused:
        print(f"{len(account.refused)} left where they are")
    for letter, reason in account.refused[:MOST_NAMED]:
        print(f"  {letter.topic} {letter.place}: {_printable(reason)}")
    if len(account.refused) > MOST_NAMED:
        print(f"  and {len(account.refused) - MOST_NAMED} more; --json names all")


def _printable(text: str) -> str:
    """Without what a terminal would obey: a camera writes its own headers and key."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)

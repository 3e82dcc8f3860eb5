"""`winnow topics`: the contract against the servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from winnow.settings import KafkaSettings

app = typer.Typer(no_args_is_help=True, help="Topics, schemas and group settings: the contract and the servers.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]


@app.command()
def apply(as_json: AsJson = False) -> None:
    """Create and change what the servers lack. A second run changes nothing.

    Nothing is changed where something would have to be refused, such as an incompatible schema (the field is named)
    or another number of partitions.

    Example: winnow topics apply
    """
    from rich.console import Console

    from winnow_cli.deployment.apply import Contract

    changes = Contract(_settings()).apply()
    if as_json:
        print(json.dumps({"changed": [{"subject": c.subject, "change": c.text} for c in changes]}))
        return
    console = Console(highlight=False)
    for change in changes:
        console.print(f"{change.subject}: {change.text}")
    console.print(f"{len(changes)} changes made." if changes else "Nothing to change.")


@app.command()
def diff(as_json: AsJson = False) -> None:
    """Say where the servers differ from the contract; exit 1 if they do.

    Example: winnow topics diff && echo up to date
    """
    from rich.console import Console

    from winnow_cli.deployment.apply import Contract

    changes = Contract(_settings()).diff()
    if as_json:
        rows = [{"subject": c.subject, "change": c.text, "refused": c.refused} for c in changes]
        print(json.dumps({"differences": rows}))
    else:
        console = Console(highlight=False)
        for change in changes:
            console.print(f"{change.subject}: {'[red]refused:[/] ' if change.refused else ''}{change.text}")
        if not changes:
            console.print("No difference.")
    raise typer.Exit(1 if changes else 0)


@app.command("list")
def list_topics(as_json: AsJson = False) -> None:
    """Every topic of the contract: its record, key, partitions, retention, who writes it and who reads it.

    Example: winnow topics list --json
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from winnow import contract

    settings = _settings()
    topics = contract.load_topics(settings.names, settings.profile)
    if as_json:
        print(json.dumps({"topics": [asdict(topic) for topic in topics]}))
        return
    table = Table("topic", "record", "key", "partitions", "clean-up", "written by", "read by")
    for topic in topics:
        table.add_row(
            topic.name,
            topic.record or "raw bytes",
            topic.key,
            str(topic.partitions),
            _clean_up(topic.config),
            ", ".join(topic.writers),
            ", ".join(topic.readers),
        )
    Console().print(table)


@app.command("reset-offset")
def reset_offset(partition: Annotated[int, typer.Argument(min=0, help="Partition of the frames topic.")]) -> None:
    """Put the selector's committed offset back to its state's cursor, where the two disagree and it has stopped.

    The cursor is what has been judged, whatever somebody did to the group's offsets. Stop the selector first.

    Example: winnow topics reset-offset 3
    """
    from winnow_cli.deployment.offsets import reset_offset as reset

    settings = _settings()
    cursor = reset(settings, partition)
    print(f"{settings.names.frames}, partition {partition}: the selector goes on at {cursor}.")


def _clean_up(config: dict[str, str]) -> str:
    if config["cleanup.policy"] == "compact":
        return "compact"
    hours = int(config["retention.ms"]) / 3_600_000
    return "kept for ever" if hours < 0 else f"{hours:g} h" if hours < 48 else f"{hours / 24:g} d"


def _settings() -> KafkaSettings:
    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment

    environment()
    return load(KafkaSettings)

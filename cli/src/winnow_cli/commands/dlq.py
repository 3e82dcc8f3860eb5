"""`winnow dlq`: records that no retry could mend."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from winnow.kafka.record import Record
    from winnow.settings import KafkaSettings

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that no retry could mend, with the reason.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]

FIRST_BYTES = 64


@app.command("list")
def list_topics(as_json: AsJson = False) -> None:
    """Every dead-letter topic: whose it is, how many records it has, and the last error.

    Example: winnow dlq list --json | jq '.topics[] | select(.count > 0)'
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    settings = _settings()
    found = []
    for topic, service in _topics(settings):
        letters = list(_records(settings, topic))
        last = max(letters, key=lambda record: (record.timestamp, record.offset), default=None)
        found.append(
            {
                "topic": topic,
                "service": service,
                "count": len(letters),
                "last": _origin(last) if last else None,
                "last_error": _headers(last).get("winnow-error") if last else None,
            }
        )
    if as_json:
        print(json.dumps({"topics": found}))
        return
    table = Table("topic", "service", "records", "last", "last error")
    for row in found:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    Console(highlight=False).print(table)


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Where the record was in its own topic.")],
    topic: Annotated[
        str | None, typer.Option(help="Its own topic or the dead-letter topic; else all are looked at.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One dead letter: headers, size, first bytes, and the decoded value where it can be decoded. Exit 1 if unknown.

    Example: winnow dlq show 3:8121 --topic winnow.frames.v1
    """
    from rich.console import Console

    settings = _settings()
    found = [
        _described(settings, letters, record)
        for letters, service in _topics(settings)
        if topic in (None, letters, letters.removesuffix(f".{service}.dlq"))
        for record in _records(settings, letters)
        if _origin(record) == place
    ]
    if as_json:
        print(json.dumps({"letters": found}))
    console = Console(highlight=False, soft_wrap=True)
    for letter in [] if as_json else found:
        console.print(
            f"[bold]{letter['topic']}[/] {letter['partition']}:{letter['offset']}, {letter['size_bytes']} bytes"
        )
        for name, value in letter["headers"].items():
            console.print(f"  {name}: {value}", markup=False)
        console.print(f"  first bytes: {letter['first_bytes']}")
        console.print(f"  value: {letter['value'] or 'cannot be decoded: ' + letter['undecodable']}", markup=False)
    if not found:
        print(
            f"winnow: no dead letter of {place} in {topic or 'any topic'}; `winnow dlq list` shows what is there.",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _settings() -> KafkaSettings:
    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment

    environment()
    return load(KafkaSettings)


def _topics(settings: KafkaSettings) -> list[tuple[str, str]]:
    """Dead-letter topics of the contract, and the service that writes each."""
    from winnow import contract

    topics = contract.load_topics(settings.names, settings.profile)
    return [(topic.name, topic.writers[0]) for topic in topics if topic.name.endswith(".dlq")]


def _records(settings: KafkaSettings, topic: str) -> Iterator[Record]:
    from ledger.adapters.topics import Topics

    return Topics(settings, client_id="dlq").tail(topic, {})


def _headers(record: Record) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in record.headers}


def _origin(record: Record) -> str:
    headers = _headers(record)
    return f"{headers.get('winnow-partition')}:{headers.get('winnow-offset')}"


def _described(settings: KafkaSettings, topic: str, record: Record) -> dict[str, Any]:
    value = record.value or b""
    decoded, undecodable = _decoded(settings, record)
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode(errors="replace"),
        "headers": _headers(record),
        "size_bytes": len(value),
        "first_bytes": value[:FIRST_BYTES].hex(" "),
        "value": decoded,
        "undecodable": undecodable,
    }


def _decoded(settings: KafkaSettings, record: Record) -> tuple[str | None, str]:
    """The value as its own topic's record, long bytes as their number; or why there is none."""
    from winnow import contract, events
    from winnow.codec import Codec, to_record
    from winnow.errors import PoisonRecord

    own = _headers(record).get("winnow-topic", "")
    kind = contract.topic_schemas().get(own.removeprefix(f"{settings.namespace}."))
    if kind is None:
        return None, f"{own or 'its topic'} has no schema"
    try:
        event: object = Codec(settings.registry_url).decode(getattr(events, kind), record.value)
    except PoisonRecord as error:
        return None, str(error)
    return json.dumps(_shortened(to_record(event)), default=str), ""


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value]
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value

"""`winnow dlq`: records that no retry could mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from winnow_cli.failures import Explained

if TYPE_CHECKING:
    from winnow.settings import KafkaSettings

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that no retry could mend, with the reason.")

Place = Annotated[
    str | None,
    typer.Argument(
        metavar="PARTITION:OFFSET", help="The one whose record was there in its own topic.", show_default=False
    ),
]
Topic = Annotated[str | None, typer.Option(help="Of this topic: its own or the dead-letter topic.", show_default=False)]
Service = Annotated[str | None, typer.Option(help="Buried by this service.", show_default=False)]
Error = Annotated[str | None, typer.Option(help="With this in the error or its class.", show_default=False)]
Since = Annotated[str | None, typer.Option(help="Buried since: ISO 8601, or an age such as 2h.", show_default=False)]
Until = Annotated[str | None, typer.Option(help="Buried before: ISO 8601, or an age such as 30m.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]

MOST_SHOWN = 100


@app.command("list")
def list_letters(
    place: Place = None,
    *,
    topic: Topic = None,
    service: Service = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """How many dead letters there are, by topic and error.

    Example: winnow dlq list --since 2h --json | jq '.topics[] | select(.waiting > 0)'
    """
    from winnow_cli.deadletters import asked, display
    from winnow_cli.deadletters.reading import DeadLetters

    settings = _settings()
    chosen = asked.chosen(settings, place=place, topic=topic, service=service, error=error, since=since, until=until)
    letters = DeadLetters(settings)
    found = letters.find(chosen)
    topics = []
    for name, (own_topic, writer) in letters.sources.items():
        if chosen.wants(own_topic, name, writer):
            topics.append(display.summary(name, writer, [letter for letter in found if letter.topic == name]))
    if as_json:
        print(json.dumps({"topics": topics}))
    else:
        display.print_list(topics)


@app.command()
def show(
    place: Place = None,
    *,
    topic: Topic = None,
    service: Service = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Dead letters with headers, size, first bytes and, where it can be decoded, the value; 100 at most.

    Exit 1 if there is none.

    Example: winnow dlq show 3:8121 --topic winnow.frames.v1
    """
    from winnow_cli.deadletters import asked, display
    from winnow_cli.deadletters.describe import Describer
    from winnow_cli.deadletters.reading import DeadLetters

    settings = _settings()
    chosen = asked.chosen(settings, place=place, topic=topic, service=service, error=error, since=since, until=until)
    letters = DeadLetters(settings)
    found = letters.find(chosen)
    if not found:
        raise _none(place)
    describer = Describer(settings)
    described = (describer.describe(letter, record) for letter, record in letters.records(found[:MOST_SHOWN]))
    more = len(found) - MOST_SHOWN
    if as_json:
        print(json.dumps({"letters": list(described), "more": max(0, more)}))
        return
    for letter in described:
        display.print_letter(letter)
    if more > 0:
        print(f"and {more} more: choose among them, or `winnow dlq export` them")


@app.command()
def redrive(
    place: Place = None,
    *,
    topic: Topic = None,
    service: Service = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be put back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into their own topic, each once, however often this runs.

    Same key, same partition. What failed 5 times goes back only if it is named by PARTITION:OFFSET. Exit 1 if any was
    left.

    Example: winnow dlq redrive --service store --error "no such object"
    """
    from winnow_cli.deadletters import asked, display
    from winnow_cli.deadletters.reading import DeadLetters
    from winnow_cli.deadletters.redrive import Redrive, plan

    settings = _settings()
    chosen = asked.chosen(settings, place=place, topic=topic, service=service, error=error, since=since, until=until)
    # Before anything is read: what an older run still commits would be put back twice.
    run = None if dry_run else Redrive(settings)
    letters = DeadLetters(settings)
    found = letters.find(chosen)
    if chosen.origin and not found:
        raise _none(place)
    if chosen.origin and len({letter.topic for letter in found}) > 1:
        both = " and ".join(sorted({letter.topic for letter in found}))
        raise Explained(f"{place} is a dead letter in {both}; nothing was put back. Name one with --topic")
    waiting, account = plan(letters.topics, found, named=chosen.origin is not None)
    try:
        if run is None:
            account.done = waiting
        elif waiting:
            with display.progress("putting back", len(waiting)) as progress:
                seen = run.put_back(letters.records(waiting), account, progress)
            account.gone = len(waiting) - seen
    finally:  # what was done stays done, whatever ended it
        display.print_redriven(account, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(1 if account.refused else 0)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, a new one, or that of this export.")],
    place: Place = None,
    *,
    topic: Topic = None,
    service: Service = None,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Write dead letters to files: the raw bytes of each, and letters.jsonl with what is known of them.

    Never overwrites; the same command again goes on where it stopped, and adds what has come since.

    Example: winnow dlq export letters --service selector --since 1d
    """
    from winnow_cli.deadletters import asked, display
    from winnow_cli.deadletters.export import Export
    from winnow_cli.deadletters.reading import DeadLetters

    settings = _settings()
    chosen = asked.chosen(settings, place=place, topic=topic, service=service, error=error, since=since, until=until)
    letters = DeadLetters(settings)
    given = {"place": place, "topic": topic, "service": service, "error": error, "since": since, "until": until}
    made = Export(
        folder,
        {
            "cluster": letters.topics.cluster(),
            "namespace": settings.namespace,
            **{name: value for name, value in given.items() if value is not None},
        },
    )
    missing = made.missing(letters.find(chosen))
    with display.progress("exporting", len(missing)) as progress:
        done = made.write(letters.records(missing), progress)
    if as_json:
        print(
            json.dumps(
                {"folder": str(folder), "written": done.written, "there": done.there, "size_bytes": done.size_bytes}
            )
        )
        return
    before = f"; {done.there} were there before" if done.there else ""
    print(f"{done.written} dead letters ({done.size_bytes} bytes) written to {folder}{before}")


def _settings() -> KafkaSettings:
    from winnow.settings import KafkaSettings, load
    from winnow_cli.connection import environment

    environment()
    return load(KafkaSettings)


def _none(place: str | None) -> Explained:
    what = f"no dead letter of {place}" if place else "no such dead letter"
    return Explained(f"{what}; `winnow dlq list` shows what is there")

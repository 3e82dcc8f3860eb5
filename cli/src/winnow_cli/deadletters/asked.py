"""What the options of `winnow dlq` ask for."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import typer

from winnow.clock import now
from winnow.kafka.deadletter import Origin
from winnow.settings import KafkaSettings
from winnow_cli.deadletters.letters import Chosen
from winnow_cli.deadletters.reading import sources

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def chosen(
    settings: KafkaSettings,
    *,
    place: str | None,
    topic: str | None,
    service: str | None,
    error: str | None,
    since: str | None,
    until: str | None,
) -> Chosen:
    """The choice. Raises `typer.BadParameter` (exit code 2) for what there cannot be."""
    origin = re.fullmatch(r"(\d{1,9}):(\d{1,18})", place) if place is not None else None
    if place is not None and origin is None:
        raise typer.BadParameter(f"{place!r} is not PARTITION:OFFSET, such as 3:8121")
    known = sources(settings)
    places = {*known, *(own for own, _ in known.values())}
    if topic is not None and topic not in places:
        topic = settings.names.topic(topic)
    if topic is not None and topic not in places:
        topics = ", ".join(own for own, _ in known.values())
        raise typer.BadParameter(f"--topic {topic}: only {topics} have dead letters")
    if service is not None and service not in (services := {writer for _, writer in known.values()}):
        raise typer.BadParameter(f"--service {service}: only {', '.join(sorted(services))} write dead letters")
    return Chosen(
        origin=Origin(int(origin[1]), int(origin[2])) if origin else None,
        topic=topic,
        service=service,
        error=error,
        since=_time(since, "--since"),
        until=_time(until, "--until"),
    )


def _time(text: str | None, option: str) -> datetime | None:
    """A time, or an age before now; a time without a zone is this machine's."""
    if text is None:
        return None
    age = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhd])", text)
    try:
        if age:
            return now() - timedelta(seconds=float(age[1]) * UNITS_S[age[2]])
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{option} {text}: neither ISO 8601 nor an age such as 30m, 2h, 7d") from None

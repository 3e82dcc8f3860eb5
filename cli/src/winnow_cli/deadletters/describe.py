"""One dead letter in words: headers, size, first bytes, and the decoded value where it can be decoded."""

from __future__ import annotations

import json
from typing import Any

from winnow import contract, events
from winnow.codec import Codec, to_record
from winnow.errors import PoisonRecord
from winnow.kafka.record import Record
from winnow.settings import KafkaSettings
from winnow_cli.deadletters.letters import Letter

FIRST_BYTES = 64


class Describer:
    """Describes letters; a schema is asked for once. Raises `DependencyDown` where the registry is away."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._names = settings.names
        self._codec = Codec(settings.registry_url)
        self._kinds = {settings.names.topic(short): kind for short, kind in contract.topic_schemas().items()}

    def describe(self, letter: Letter, record: Record) -> dict[str, Any]:
        value = record.value or b""
        decoded, undecodable = self._decoded(letter.own_topic, record)
        return {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "place": letter.place,
            "redriven": letter.redriven,
            "key": (record.key or b"").decode(errors="replace"),
            "headers": {name: value.decode(errors="replace") for name, value in record.headers},
            "size_bytes": len(value),
            "first_bytes": value[:FIRST_BYTES].hex(" "),
            "value": decoded,
            "undecodable": undecodable,
        }

    def _decoded(self, topic: str, record: Record) -> tuple[str | None, str]:
        """The value as its own topic's record, long bytes as their number; or why there is none."""
        kind = self._kinds.get(topic)
        if kind is None:
            return None, "not a record of the contract"
        try:
            event: object = self._codec.decode(getattr(events, kind), record.value)
        except PoisonRecord as error:
            return None, str(error)
        return json.dumps(_shortened(to_record(event)), default=str), ""


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value]
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value

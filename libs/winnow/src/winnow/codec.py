"""Events to and from the wire: Avro in the Confluent format, so that any tool of the Kafka world reads them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import fastavro
import httpx2
from cattrs import Converter
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from winnow import contract
from winnow.clock import from_ms
from winnow.errors import DependencyDown, Misconfigured, PoisonRecord, Refused
from winnow.events import ImageRef
from winnow.registry import registry_client

EventT = TypeVar("EventT")

MAGIC = b"\0"
PREFIX_BYTES = 5
MAX_SCHEMA_ID = 2**31 - 1
NOT_NOW = (408, 425, 429)
"""The answers below 500 that the same request may not get again (RFC 9110, 8470, 6585)."""

UNKNOWN_S, MOST_UNKNOWN = 30.0, 10_000
"""How long, and how many, unknown schema ids are remembered: a flood of poison must not become one of requests."""


class Codec:
    """Encodes and decodes the events of one registry. Thread-safe.

    Not the client's own serializers: they took 50 us for a frame of 130 KB where this takes 25, and where the registry
    is away they raise whatever their HTTP library does.
    """

    def __init__(self, registry_url: str) -> None:
        self._registry = registry_client(registry_url, {"timeout": 5, "max.retries": 2, "retries.wait.ms": 200})
        self._converter = _converter()
        self._prefixes: dict[tuple[str, str], bytes] = {}
        self._pairs: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._ours: dict[str, Any] = {}
        self._unknown_until: dict[int, float] = {}

    def encode(self, topic: str, event: object) -> bytes:
        """The value of a record of `topic`.

        Raises `Refused` where the schema is not registered, `Misconfigured`, `DependencyDown`.
        """
        record = type(event).__name__
        payload = io.BytesIO()
        payload.write(self._prefix(topic, record))
        fastavro.schemaless_writer(payload, self._schema(record), self._converter.unstructure(event))
        return payload.getvalue()

    def decode(self, kind: type[EventT], value: bytes | None) -> EventT:
        """A record's event.

        Raises `PoisonRecord` for a record that no retry can mend, `Misconfigured` where the registry refuses (wrong
        address, no permission), `DependencyDown` while it is away.
        """
        if value is None:
            raise PoisonRecord("no value")
        if len(value) <= PREFIX_BYTES or value[:1] != MAGIC:
            raise PoisonRecord(f"not Avro in the Confluent format (first bytes {value[:4].hex(' ') or 'none'})")
        written, ours = self._schemas(int.from_bytes(value[1:PREFIX_BYTES], "big"), kind.__name__)
        payload = io.BytesIO(value)
        payload.seek(PREFIX_BYTES)
        try:
            fields = fastavro.schemaless_reader(payload, written, ours)
            return self._converter.structure(fields, kind)
        except Exception as error:  # the bytes lead the reader wherever they like: all of it is poison
            raise PoisonRecord(f"not a {kind.__name__} in Avro: {type(error).__name__}: {error}") from error

    def _prefix(self, topic: str, record: str) -> bytes:
        found = self._prefixes.get((topic, record))
        if found is None:
            subject = f"{topic}-value"
            with _asking():
                try:
                    registered = self._registry.lookup_schema(subject, Schema(contract.schema(record), "AVRO"))
                except SchemaRegistryError as error:
                    if not _not_found(error):
                        raise
                    raise Refused(
                        f"the schema of {record} is not registered for {topic}; nothing was sent. "
                        "`winnow topics apply` registers it"
                    ) from error
            found = MAGIC + int(registered.schema_id or 0).to_bytes(PREFIX_BYTES - 1, "big")
            self._prefixes[topic, record] = found
        return found

    def _schemas(self, schema_id: int, record: str) -> tuple[Any, Any]:
        """The schema that a record was written with, and ours where it is another: without it fastavro is quicker."""
        found = self._pairs.get((schema_id, record))
        if found is None:
            written, ours = self._schema_of(schema_id), self._schema(record)
            found = self._pairs[schema_id, record] = (written, None if written == ours else ours)
        return found

    def _schema_of(self, schema_id: int) -> Any:
        """The parsed schema of an id."""
        if schema_id > MAX_SCHEMA_ID:
            raise PoisonRecord(f"schema id {schema_id} is none")
        unknown = f"schema id {schema_id} is unknown to the registry"
        if time.monotonic() < self._unknown_until.get(schema_id, 0.0):
            raise PoisonRecord(unknown)
        with _asking():
            try:
                text = self._registry.get_schema(schema_id).schema_str or ""
            except SchemaRegistryError as error:
                if not _not_found(error):
                    raise
                if len(self._unknown_until) >= MOST_UNKNOWN:
                    self._unknown_until.clear()
                self._unknown_until[schema_id] = time.monotonic() + UNKNOWN_S
                raise PoisonRecord(unknown) from error
        try:
            return fastavro.parse_schema(json.loads(text))
        except Exception as error:  # another kind of schema leads the parser anywhere
            raise PoisonRecord(f"schema id {schema_id} is not an Avro schema: {error}") from error

    def _schema(self, record: str) -> Any:
        found = self._ours.get(record)
        if found is None:
            found = self._ours[record] = fastavro.parse_schema(json.loads(contract.schema(record)))
        return found


def to_record(event: object) -> Any:
    """An event as plain values, as its schema has them."""
    return _converter().unstructure(event)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except SchemaRegistryError as error:
        if error.http_status_code < 500 and error.http_status_code not in NOT_NOW:
            raise Misconfigured(
                f"the schema registry refuses: {error}. No retry can mend that; nothing was skipped. Check the address "
                "and the credentials in WINNOW_REGISTRY_URL, then start again"
            ) from error
        raise DependencyDown(f"schema registry: {error}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise DependencyDown(f"schema registry: {type(error).__name__}: {error}") from error


def _not_found(error: SchemaRegistryError) -> bool:
    """Whether the registry itself says that it has no such schema: a 404 of whatever else is there has no such code."""
    return (error.error_code or 0) // 100 in (404, 422)


def _converter() -> Converter:
    converter = Converter(detailed_validation=False, unstruct_collection_overrides={tuple: list})
    converter.register_structure_hook(datetime, _time)
    converter.register_unstructure_hook(datetime, lambda value: value)
    converter.register_structure_hook(bytes | ImageRef, _image(converter))
    converter.register_structure_hook(str | bytes, _same)
    converter.register_unstructure_hook(Enum, lambda value: value.value)
    return converter


def _time(value: Any, _: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{value!r} was not written as timestamp-millis")
    return value


def _millis(value: int, _: object = None, __: object = None) -> datetime:
    """A time from milliseconds; what no calendar has becomes its nearest: a clock makes no record unreadable."""
    try:
        return from_ms(value)
    except OverflowError:
        return (datetime.max if value > 0 else datetime.min).replace(tzinfo=UTC, microsecond=0)


fastavro.read.LOGICAL_READERS["long-timestamp-millis"] = _millis


def _same(value: Any, _: object) -> Any:
    return value


def _image(converter: Converter) -> Callable[[Any, object], bytes | ImageRef]:
    def structure(value: Any, _: object) -> bytes | ImageRef:
        return value if isinstance(value, bytes) else converter.structure(value, ImageRef)

    return structure

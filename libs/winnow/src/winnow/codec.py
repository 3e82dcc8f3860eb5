"""Events to and from the wire: Avro in the Confluent format, so that any tool of the Kafka world reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from cattrs import Converter
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from winnow import contract
from winnow.errors import DependencyDown, PoisonRecord, Refused
from winnow.events import ImageRef

EventT = TypeVar("EventT")

_CONFIG = {"auto.register.schemas": False, "subject.name.strategy.type": "TOPIC"}


class Codec:
    """Encodes and decodes the events of one registry. Thread-safe."""

    def __init__(self, registry_url: str) -> None:
        self._registry = SchemaRegistryClient.new_client({"url": registry_url, "timeout": 10, "max.retries": 2})
        self._converter = _converter()
        self._serializers: dict[str, AvroSerializer] = {}
        self._deserializers: dict[str, AvroDeserializer] = {}

    def encode(self, topic: str, event: object) -> bytes:
        """The value of a record of `topic`. Raises `Refused` where topic and schema do not fit, `DependencyDown`."""
        record = type(event).__name__
        serializer = self._serializers.get(record)
        if serializer is None:
            serializer = AvroSerializer(self._registry, contract.schema(record), conf=_CONFIG)
            self._serializers[record] = serializer
        try:
            value = serializer(self._converter.unstructure(event), SerializationContext(topic, MessageField.VALUE))
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                raise Refused(
                    f"the schema of {record} is not registered for {topic}; run `winnow topics apply`"
                ) from error
            raise DependencyDown(f"schema registry: {error}") from error
        except OSError as error:
            raise DependencyDown(f"schema registry: {error}") from error
        return bytes(value or b"")

    def decode(self, topic: str, kind: type[EventT], value: bytes | None) -> EventT:
        """A record's event. Raises `PoisonRecord` for what no retry can mend, `DependencyDown` else."""
        if value is None:
            raise PoisonRecord("no value")
        if len(value) < 6 or value[0] != 0:
            raise PoisonRecord(f"not Avro in the Confluent format (first bytes {value[:4].hex(' ') or 'none'})")
        record = kind.__name__
        deserializer = self._deserializers.get(record)
        if deserializer is None:
            deserializer = AvroDeserializer(
                self._registry, contract.schema(record), conf={"subject.name.strategy.type": "TOPIC"}
            )
            self._deserializers[record] = deserializer
        try:
            fields = deserializer(value, SerializationContext(topic, MessageField.VALUE))
        except SchemaRegistryError as error:
            if error.http_status_code in (404, 422):
                raise PoisonRecord(
                    f"schema id {int.from_bytes(value[1:5], 'big')} is unknown to the registry"
                ) from error
            raise DependencyDown(f"schema registry: {error}") from error
        except OSError as error:
            raise DependencyDown(f"schema registry: {error}") from error
        except Exception as error:  # fastavro raises whatever the bytes lead it to: all of it is poison
            raise PoisonRecord(f"not a {record} in Avro: {type(error).__name__}: {error}") from error
        try:
            return self._converter.structure(fields, kind)
        except Exception as error:
            raise PoisonRecord(f"not a {record}: {error}") from error


def to_record(event: object) -> Any:
    """An event as plain values, as its schema has them."""
    return _converter().unstructure(event)


def _converter() -> Converter:
    converter = Converter(detailed_validation=False, unstruct_collection_overrides={tuple: list})
    converter.register_structure_hook(datetime, _same)
    converter.register_unstructure_hook(datetime, lambda value: value)
    converter.register_structure_hook(bytes | ImageRef, _image(converter))
    converter.register_structure_hook(str | bytes, _same)
    converter.register_unstructure_hook(Enum, lambda value: value.value)
    return converter


def _same(value: Any, _: object) -> Any:
    return value


def _image(converter: Converter) -> Callable[[Any, object], bytes | ImageRef]:
    def structure(value: Any, _: object) -> bytes | ImageRef:
        return value if isinstance(value, bytes) else converter.structure(value, ImageRef)

    return structure

"""Schemas in the registry: what is registered, against the `.avsc` files."""

from __future__ import annotations

import json
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from winnow import contract
from winnow.contract import Topic
from winnow.errors import DependencyDown, Refused
from winnow.registry import registry_client
from winnow_cli.deployment.topics import Change

UNREACHABLE = (SchemaRegistryError, OSError)


class Registry:
    """The registry's side of the contract: one subject a topic, `<topic>-value`."""

    def __init__(self, url: str, topics: list[Topic]) -> None:
        self._client = registry_client(url, {"timeout": 20})
        self._topics = [topic for topic in topics if topic.record is not None]

    def diff(self) -> list[Change]:
        """What `apply` would register, and what it refuses as incompatible, with the field."""
        changes = []
        for topic in self._topics:
            subject = f"{topic.name}-value"
            versions = self._versions(subject)
            if not versions:
                changes.append(Change(subject, f"{topic.record} to be registered, {topic.compatibility}"))
                continue
            if self._compatibility(subject) != topic.compatibility:
                changes.append(
                    Change(subject, f"compatibility: {self._compatibility(subject)} -> {topic.compatibility}")
                )
            new = contract.schema(str(topic.record))
            if any(json.loads(old) == json.loads(new) for old in versions):
                continue
            problems = [problem for old in versions for problem in incompatibilities(old, new)]
            for problem in dict.fromkeys(problems):
                changes.append(Change(subject, f"incompatible: {problem}. Make a .v2 topic for it", refused=True))
            if not problems:
                changes.append(Change(subject, f"{topic.record}: version {len(versions) + 1} to be registered"))
        return changes

    def apply(self) -> None:
        """Registers what is missing. Raises `Refused` where the registry itself says no, `DependencyDown`."""
        for topic in self._topics:
            subject = f"{topic.name}-value"
            schema = Schema(contract.schema(str(topic.record)), "AVRO")
            try:
                if self._compatibility(subject) != topic.compatibility:
                    self._client.set_compatibility(subject_name=subject, level=topic.compatibility)
                if not any(json.loads(old) == json.loads(schema.schema_str or "") for old in self._versions(subject)):
                    self._client.register_schema(subject, schema)
            except SchemaRegistryError as error:
                if error.http_status_code in (409, 422):
                    raise Refused(f"{subject}: the registry refuses the schema: {error.error_message}") from error
                raise DependencyDown(f"schema registry: {error}") from error

    def _versions(self, subject: str) -> list[str]:
        try:
            numbers = self._client.get_versions(subject)
            return [str(self._client.get_version(subject, number).schema.schema_str) for number in numbers]
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return []
            raise DependencyDown(f"schema registry: {error}") from error
        except OSError as error:
            raise DependencyDown(f"schema registry: {error}") from error

    def _compatibility(self, subject: str) -> str | None:
        try:
            return str(self._client.get_compatibility(subject_name=subject))
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return None
            raise DependencyDown(f"schema registry: {error}") from error
        except OSError as error:
            raise DependencyDown(f"schema registry: {error}") from error


def incompatibilities(old: str, new: str) -> list[str]:
    """Why data of one schema cannot be read with the other, either way; each names the field."""
    found: list[str] = []
    for reader, writer, reading in ((new, old, "new readers of old records"), (old, new, "old readers of new records")):
        result: Any = ReaderWriterCompatibilityChecker().get_compatibility(
            avro.schema.parse(reader), avro.schema.parse(writer)
        )
        if result.compatibility is not SchemaCompatibilityType.compatible:
            fields = sorted({_field(place, reader) for place in result.locations if place != "/"}) or ["the record"]
            found.append(f"{', '.join(fields)} ({reading}: {'; '.join(sorted(result.messages))})")
    return found


def _field(location: str, schema: str) -> str:
    """`field camera_id` for a checker's location such as `/fields/1/type`."""
    node: Any = json.loads(schema)
    names = []
    for step in location.strip("/").split("/"):
        try:
            node = node[int(step)] if isinstance(node, list) else node[step]
        except (KeyError, IndexError, ValueError, TypeError):
            break
        if isinstance(node, dict) and "name" in node and "type" in node:
            names.append(str(node["name"]))
    return f"field {'.'.join(names)}" if names else "the record"

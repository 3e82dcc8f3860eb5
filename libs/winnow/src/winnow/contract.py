"""The contract as files: the schemas and `topics.yaml`, and the names that a namespace gives the topics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `topics.yaml` has it for one namespace and profile. `config` is what the broker is told."""

    name: str
    record: str | None
    key: str
    partitions: int
    replication: int
    compatibility: str
    config: dict[str, str]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of Winnow's topics and groups in one namespace."""

    namespace: str = "winnow"

    def topic(self, short: str) -> str:
        return f"{self.namespace}.{short}"

    def group(self, service: str) -> str:
        return f"{self.namespace}.{service}"

    def dead_letters(self, topic: str, service: str) -> str:
        """`<topic>.<service>.dlq`; of a topic outside the namespace, inside it all the same."""
        own = topic if topic.startswith(self.topic("")) else self.topic(topic)
        return f"{own}.{service}.dlq"

    @property
    def frames(self) -> str:
        return self.topic("frames.v1")

    @property
    def cameras(self) -> str:
        return self.topic("cameras.v1")

    @property
    def policies(self) -> str:
        return self.topic("policies.v1")

    @property
    def state(self) -> str:
        return self.topic("selector-state.v1")

    @property
    def verdicts(self) -> str:
        return self.topic("verdicts.v1")

    @property
    def selected(self) -> str:
        return self.topic("selected.v1")

    @property
    def images(self) -> str:
        return self.topic("images.v1")


@cache
def schemas_dir() -> Path:
    """Where the contract's files are: beside the installed package, or in the checkout's `schemas/`."""
    installed = Path(__file__).parent / "schemas"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[4] / "schemas"


@cache
def schema(record: str) -> str:
    """The Avro schema of a record, as registered: JSON text."""
    return (schemas_dir() / f"{record}.avsc").read_text()


def schema_names() -> list[str]:
    return sorted(path.stem for path in schemas_dir().glob("*.avsc"))


@cache
def _topics_yaml() -> Any:
    return yaml.safe_load((schemas_dir() / "topics.yaml").read_text())


def load_topics(names: Names, profile: str) -> list[Topic]:
    """Every topic of the contract, dead letters included, sized for `profile`."""
    document = _topics_yaml()
    defaults = document["defaults"]
    topics = []
    for short, entry in document["topics"].items():
        name = names.topic(short)
        topics.append(_topic(name, entry, defaults, profile))
        topics += [
            dead_letter_topic(names.dead_letters(name, service), entry["key"], service, profile)
            for service in entry.get("dead_letters", [])
        ]
    return topics


def dead_letter_topic(name: str, key: str, service: str, profile: str) -> Topic:
    """A dead-letter topic that `service` writes, sized for `profile`."""
    document = _topics_yaml()
    letters = {**document["dead_letters"], "key": key, "writers": [service], "readers": ["cli"]}
    return _topic(name, letters, document["defaults"], profile)


def load_groups(names: Names, profile: str) -> dict[str, dict[str, str]]:
    """Broker-side settings of the consumer groups, by group name."""
    return {
        names.group(service): {key: str(_sized(value, profile)) for key, value in config.items()}
        for service, config in _topics_yaml()["groups"].items()
    }


def topic_schemas() -> dict[str, str]:
    """Record name by the topic's short name, for every topic that carries one."""
    return {short: json.loads(schema(entry["record"]))["name"] for short, entry in _topics_yaml()["topics"].items()}


def _topic(name: str, entry: dict[str, Any], defaults: dict[str, Any], profile: str) -> Topic:
    config = {**defaults["config"], **entry["config"]}
    return Topic(
        name=name,
        record=entry.get("record"),
        key=entry["key"],
        partitions=_sized(entry["partitions"], profile),
        replication=_sized(defaults["replication"], profile),
        compatibility=entry.get("compatibility", defaults["compatibility"]),
        config={key: str(_sized(value, profile)) for key, value in config.items()},
        writers=tuple(entry["writers"]),
        readers=tuple(entry["readers"]),
    )


def _sized(value: Any, profile: str) -> Any:
    return value[profile] if isinstance(value, dict) else value

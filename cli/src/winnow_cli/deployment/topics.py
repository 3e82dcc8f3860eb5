"""Topics and group settings: what the broker has, against what `topics.yaml` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from winnow.contract import Topic
from winnow.errors import DependencyDown, Refused

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, as a person reads it. `refused`: no command can make it, `text` says what to do."""

    subject: str
    text: str
    refused: bool = False


class Broker:
    """The broker's side of the contract."""

    def __init__(self, admin: AdminClient, topics: list[Topic], groups: dict[str, dict[str, str]]) -> None:
        self._admin = admin
        self._topics = topics
        self._groups = groups

    def diff(self) -> list[Change]:
        """What `apply` would change, and what it refuses."""
        there = self._partitions()
        changes = []
        for topic in self._topics:
            if topic.name not in there:
                changes.append(Change(topic.name, f"to be created with {topic.partitions} partitions"))
            elif there[topic.name] != topic.partitions:
                text = (
                    f"has {there[topic.name]} partitions, the contract says {topic.partitions}. The number of a topic "
                    "never changes (keys and state would move): make a .v2 topic, or correct topics.yaml or the profile"
                )
                changes.append(Change(topic.name, text, refused=True))
        wanted = {(ResourceType.TOPIC, t.name): t.config for t in self._topics if t.name in there}
        wanted |= {(ResourceType.GROUP, name): config for name, config in self._groups.items()}
        for (_, name), settings in self._differing(wanted).items():
            for key, (old, new) in settings.items():
                changes.append(Change(name, f"{key}: {old or 'not set'} -> {new}"))
        return changes

    @retry(
        # What was created a moment ago is not known to every part of the broker at once.
        retry=retry_if_exception_type(DependencyDown),
        stop=stop_after_delay(TIMEOUT_S),
        wait=wait_exponential(0.1, max=1),
        reraise=True,
    )
    def apply(self) -> None:
        """Makes the broker agree. Call only where `diff` refuses nothing. Raises `DependencyDown`."""
        there = self._partitions()
        new = [
            NewTopic(t.name, t.partitions, t.replication, config=dict(t.config))
            for t in self._topics
            if t.name not in there
        ]
        if new:
            for name, future in self._admin.create_topics(new, operation_timeout=TIMEOUT_S).items():
                _created(name, future)
        wanted = {(ResourceType.TOPIC, t.name): t.config for t in self._topics}
        wanted |= {(ResourceType.GROUP, name): config for name, config in self._groups.items()}
        resources = [
            ConfigResource(
                kind,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, (_, value) in settings.items()
                ],
            )
            for (kind, name), settings in self._differing(wanted).items()
        ]
        if resources:
            for future in self._admin.incremental_alter_configs(resources).values():
                _result(future)

    def _partitions(self) -> dict[str, int]:
        try:
            topics = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise DependencyDown(f"broker: {error}") from error
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def _differing(
        self, wanted: dict[tuple[ResourceType, str], dict[str, str]]
    ) -> dict[tuple[ResourceType, str], dict[str, tuple[str | None, str]]]:
        """(old, new) of every setting that is not as wanted, by resource."""
        if not wanted:
            return {}
        resources = {ConfigResource(kind, name): (kind, name) for kind, name in wanted}
        differing = {}
        # Groups and topics in calls of their own: the client sends one kind of resource to one broker.
        for kind in (ResourceType.TOPIC, ResourceType.GROUP):
            asked = [resource for resource, (k, _) in resources.items() if k is kind]
            for resource, future in self._admin.describe_configs(asked).items() if asked else ():
                found: dict[str, Any] = _result(future)
                old = {key: entry.value for key, entry in found.items()}
                name = resources[resource]
                changes = {k: (old.get(k), v) for k, v in wanted[name].items() if old.get(k) != v}
                if changes:
                    differing[name] = changes
        return differing


def _created(name: str, future: Any) -> None:
    try:
        future.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return  # another one applies the same contract at the same time
        if error.args[0].code() in (KafkaError.INVALID_CONFIG, KafkaError.INVALID_REPLICATION_FACTOR):
            raise Refused(f"{name} was not created: {error.args[0].str()}") from error
        raise DependencyDown(f"broker: {name} was not created: {error}") from error


def _result(future: Any) -> Any:
    try:
        return future.result(TIMEOUT_S)
    except KafkaException as error:
        raise DependencyDown(f"broker: {error}") from error

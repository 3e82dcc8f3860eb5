"""The whole contract against the servers: topics, group settings, schemas and the first policy."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from confluent_kafka.admin import AdminClient

from winnow import contract
from winnow.clock import now
from winnow.codec import Codec
from winnow.errors import Refused
from winnow.events import SelectionPolicy
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings
from winnow_cli.deployment.schemas import Registry
from winnow_cli.deployment.topics import Broker, Change

DEFAULT = "default"
KEY_BYTES = 32
FIRST_POLICY = (360.0, 20.0)
"""kept_per_hour and burst of the default where nobody has set one; the other fields are the record's own defaults."""


class Contract:
    """What the servers should have, for one namespace and profile."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        names, profile = settings.names, settings.profile
        self.topics = contract.load_topics(names, profile)
        admin = AdminClient(config.admin(settings))
        self._broker = Broker(admin, self.topics, contract.load_groups(names, profile))
        self._registry = Registry(settings.registry_url, self.topics)

    def diff(self) -> list[Change]:
        """Everything that is not as the contract says. Raises `DependencyDown`."""
        changes = [*self._broker.diff(), *self._registry.diff()]
        creating = any(c.subject == self._settings.names.policies for c in changes)
        if creating or not self._has_default():
            changes.append(Change(self._settings.names.policies, "the first default policy to be written"))
        return changes

    def apply(self, first_policy: SelectionPolicy | None = None) -> list[Change]:
        """Makes the servers agree and says what was changed; nothing where something must be refused.

        `first_policy` is the default that is written where there is none, with a new sampling key. Raises `Refused`
        naming every difference that cannot be made, `DependencyDown`.
        """
        changes = self.diff()
        refused = [change for change in changes if change.refused]
        if refused:
            lines = "\n".join(f"  {change.subject}: {change.text}" for change in refused)
            raise Refused(f"nothing was changed, for these cannot be:\n{lines}")
        if changes:
            self._broker.apply()
            self._registry.apply()
            if not self._has_default():
                self._write_default(first_policy)
        return changes

    def _has_default(self) -> bool:
        return any(record.key == DEFAULT.encode() for record in self._policies())

    def _policies(self) -> Iterable[Record]:
        return read_to_end(self._settings, self._settings.names.policies, 0, client_id="winnow-topics")

    def _write_default(self, policy: SelectionPolicy | None) -> None:
        base = policy or SelectionPolicy(*FIRST_POLICY, changed_at=now(), note="the first default")
        values = {name: getattr(base, name) for name in base.__slots__}
        values |= {"sampling_key": secrets.token_bytes(KEY_BYTES), "changed_at": now()}
        topic = self._settings.names.policies
        publisher = Publisher(self._settings, client_id="winnow-topics")
        publisher.publish(topic, DEFAULT, Codec(self._settings.registry_url).encode(topic, SelectionPolicy(**values)))
        publisher.flush()

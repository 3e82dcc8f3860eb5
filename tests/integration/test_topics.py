"""The contract on the real broker and registry: what is created, what stays as it is, and what is refused."""

import json
import os
import subprocess
import sys
import uuid

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from tests.support.world import World

from winnow import contract
from winnow.errors import Refused
from winnow.events import SelectionPolicy
from winnow.kafka import config
from winnow_cli.deployment.apply import Contract

pytestmark = pytest.mark.stack

RECORDS = {
    "cameras.v1": "Camera",
    "frames.v1": "Frame",
    "images.v1": "StoredImage",
    "policies.v1": "SelectionPolicy",
    "selected.v1": "SelectedFrame",
    "selector-state.v1": "SelectorState",
    "verdicts.v1": "Verdict",
}
LETTERS = ["frames.v1.selector.dlq", "selected.v1.store.dlq", "verdicts.v1.ledger.dlq"]


class Servers:
    """A namespace with nothing in it, and what broker and registry have of it."""

    def __init__(self, world):
        self.world = world
        self.kafka = world.kafka
        self.admin = AdminClient(config.admin(world.kafka))
        self.registry = SchemaRegistryClient.new_client({"url": world.kafka.registry_url})

    def name(self, short):
        return f"{self.world.namespace}.{short}"

    def subject(self, short):
        return f"{self.name(short)}-value"

    def topics(self):
        """Partitions by short name."""
        prefix = self.name("")
        found = self.admin.list_topics(timeout=10).topics
        return {n.removeprefix(prefix): len(t.partitions) for n, t in found.items() if n.startswith(prefix)}

    def described(self, name, kind=ResourceType.TOPIC):
        (future,) = self.admin.describe_configs([ConfigResource(kind, name)]).values()
        return future.result(10)

    def own_settings(self, name):
        """What was set for this topic alone."""
        return {
            key: entry.value
            for key, entry in self.described(name).items()
            if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        }

    def set(self, name, key, value):
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        (future,) = self.admin.incremental_alter_configs([resource]).values()
        future.result(10)

    def ends(self):
        """The log end of every partition of the namespace."""
        asked = {
            TopicPartition(self.name(s), p): OffsetSpec.latest() for s, n in self.topics().items() for p in range(n)
        }
        return {(w.topic, w.partition): f.result(10).offset for w, f in self.admin.list_offsets(asked).items()}

    def subjects(self):
        """(compatibility, versions) by subject, of every topic that has one."""
        found = {}
        topics = [topic.name for topic in contract.load_topics(self.world.names, "local")]
        # One by one: the list of all subjects ends after a thousand, and these tests come late.
        for subject in (f"{topic}-{part}" for topic in topics for part in ("key", "value")):
            try:
                versions = self.registry.get_versions(subject)
            except SchemaRegistryError as error:
                assert error.http_status_code == 404, error
            else:
                found[subject] = (self.registry.get_compatibility(subject_name=subject), versions)
        return found

    def everything(self):
        topics = self.topics()
        groups = [self.described(g, ResourceType.GROUP) for g in contract.load_groups(self.world.names, "local")]
        return (
            topics,
            {short: self.own_settings(self.name(short)) for short in topics},
            [{key: entry.value for key, entry in group.items()} for group in groups],
            self.ends(),
            self.subjects(),
        )

    def policies(self):
        return [
            (record.key, self.world.codec.decode(SelectionPolicy, record.value))
            for record in self.world.records(self.world.names.policies)
        ]

    def register(self, short, schema):
        self.registry.register_schema(self.subject(short), Schema(json.dumps(schema), "AVRO"))

    def command(self, *arguments, **env):
        return subprocess.run(
            [sys.executable, "-m", "winnow_cli", "topics", *arguments],
            env={**os.environ, **self.world.env, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def servers(stack, tmp_path):
    return Servers(World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path))


def schema_of(record):
    return json.loads(contract.schema(record))


def last_json(ran):
    return json.loads(ran.stdout.splitlines()[-1])


def test_apply_creates_every_topic_with_all_its_settings(servers):
    Contract(servers.kafka).apply()
    assert servers.topics() == {
        **dict.fromkeys(["frames.v1", "selector-state.v1", "verdicts.v1", "selected.v1", *LETTERS], 4),
        "images.v1": 2,
        **dict.fromkeys(["cameras.v1", "policies.v1"], 1),
    }
    for topic in contract.load_topics(servers.world.names, "local"):
        assert servers.own_settings(topic.name) == topic.config
    day_ms = 24 * 3600 * 1000
    assert servers.own_settings(servers.name("frames.v1")) == {
        "cleanup.policy": "delete",
        "retention.ms": str(day_ms),
        "max.message.bytes": str(2 << 20),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
    }
    assert servers.own_settings(servers.name("verdicts.v1"))["retention.ms"] == str(7 * day_ms)
    assert servers.own_settings(servers.name("policies.v1"))["retention.ms"] == "-1"
    assert servers.own_settings(servers.name("selector-state.v1"))["cleanup.policy"] == "compact"
    for letters in LETTERS:
        own = servers.own_settings(servers.name(letters))
        assert (own["retention.ms"], own["max.message.bytes"]) == (str(30 * day_ms), str(3 << 20))


@pytest.mark.parametrize("service", ["selector", "store", "ledger"])
def test_apply_sets_heartbeat_and_session_of_the_groups(servers, service):
    Contract(servers.kafka).apply()
    found = servers.described(servers.world.names.group(service), ResourceType.GROUP)
    assert found["consumer.heartbeat.interval.ms"].value == "300"
    assert found["consumer.session.timeout.ms"].value == "6000"


def test_apply_registers_every_schema_with_its_compatibility(servers):
    Contract(servers.kafka).apply()
    assert servers.subjects() == {servers.subject(short): ("FULL_TRANSITIVE", [1]) for short in RECORDS}
    for short, record in RECORDS.items():
        latest = servers.registry.get_latest_version(servers.subject(short))
        assert json.loads(latest.schema.schema_str) == schema_of(record)


def test_a_second_apply_changes_nothing(servers):
    assert Contract(servers.kafka).apply() != []
    before = servers.everything()
    assert Contract(servers.kafka).apply() == []
    assert servers.everything() == before


def test_a_setting_changed_by_hand_is_named_and_put_back(servers):
    Contract(servers.kafka).apply()
    before = servers.everything()
    servers.set(servers.name("frames.v1"), "retention.ms", "60000")
    (change,) = Contract(servers.kafka).diff()
    assert (change.subject, change.text) == (servers.name("frames.v1"), "retention.ms: 60000 -> 86400000")
    assert Contract(servers.kafka).apply() == [change]
    assert servers.everything() == before


def test_a_compatible_change_becomes_a_second_version(servers):
    older = schema_of("Camera")
    older["fields"] = [f for f in older["fields"] if f["name"] != "group"]
    servers.register("cameras.v1", older)
    Contract(servers.kafka).apply()
    assert servers.registry.get_versions(servers.subject("cameras.v1")) == [1, 2]


def _as_long(schema):
    next(f for f in schema["fields"] if f["name"] == "camera_id")["type"] = "long"


def _gone(schema):
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "camera_id"]


def _another_without_default(schema):
    schema["fields"].append({"name": "camera_model", "type": "string", "doc": "Gone since."})


@pytest.mark.parametrize(
    ("older", "field"),
    [(_as_long, "camera_id"), (_gone, "camera_id"), (_another_without_default, "camera_model")],
    ids=["another type", "a new field without default", "a field without default removed"],
)
def test_an_incompatible_schema_is_refused_by_its_field_and_nothing_is_changed(servers, older, field):
    schema = schema_of("Frame")
    older(schema)
    servers.register("frames.v1", schema)
    before = servers.subjects()
    with pytest.raises(Refused) as refused:
        Contract(servers.kafka).apply()
    assert "nothing was changed" in str(refused.value)
    assert servers.subject("frames.v1") in str(refused.value)
    assert f"field {field}" in str(refused.value)
    assert servers.topics() == {}
    assert servers.subjects() == before


def test_another_number_of_partitions_is_refused_and_nothing_is_changed(servers):
    (future,) = servers.admin.create_topics([NewTopic(servers.name("verdicts.v1"), 3, 1)]).values()
    future.result(10)
    before = servers.own_settings(servers.name("verdicts.v1"))
    with pytest.raises(Refused, match=r"verdicts\.v1: has 3 partitions, the contract says 4"):
        Contract(servers.kafka).apply()
    assert servers.topics() == {"verdicts.v1": 3}
    assert servers.own_settings(servers.name("verdicts.v1")) == before
    assert servers.subjects() == {}


def test_the_first_default_policy_has_a_key_of_its_own_and_is_written_once(servers, stack, tmp_path):
    Contract(servers.kafka).apply()
    Contract(servers.kafka).apply()
    servers.set(servers.name("frames.v1"), "retention.ms", "60000")
    Contract(servers.kafka).apply()  # one that has something to change
    ((key, policy),) = servers.policies()
    assert key == b"default"
    assert len(policy.sampling_key) == 32
    other = Servers(World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path))
    Contract(other.kafka).apply()
    assert other.policies()[0][1].sampling_key != policy.sampling_key


def test_a_default_that_is_there_is_left_alone(servers):
    Contract(servers.kafka).apply()
    servers.world.set_policy(SelectionPolicy(7.0, 3.0, servers.policies()[0][1].changed_at, sampling_key=b"k" * 32))
    servers.set(servers.name("frames.v1"), "retention.ms", "60000")
    Contract(servers.kafka).apply()
    assert [policy.kept_per_hour for _, policy in servers.policies()][1:] == [7.0]


def test_the_commands_and_their_exit_codes(servers):
    ran = servers.command("diff", "--json")
    assert ran.returncode == 1
    assert {row["subject"] for row in last_json(ran)["differences"]} >= {servers.name("frames.v1")}
    assert not any(row["refused"] for row in last_json(ran)["differences"])
    assert servers.topics() == {}, "diff only looks"

    ran = servers.command("apply", "--json")
    assert ran.returncode == 0
    assert {row["subject"] for row in last_json(ran)["changed"]} >= {servers.name(s) for s in [*RECORDS, *LETTERS]}

    ran = servers.command("apply", "--json")
    assert (ran.returncode, last_json(ran)) == (0, {"changed": []})
    ran = servers.command("diff", "--json")
    assert (ran.returncode, last_json(ran)) == (0, {"differences": []})

    ran = servers.command("list", "--json")
    assert ran.returncode == 0
    listed = {topic["name"]: topic for topic in last_json(ran)["topics"]}
    assert set(listed) == {servers.name(short) for short in [*RECORDS, *LETTERS]}
    assert listed[servers.name("frames.v1")]["writers"] == ["cameras", "ingest"]
    assert servers.command("list").returncode == 0


def test_the_command_says_what_it_refuses(servers):
    schema = schema_of("Frame")
    _as_long(schema)
    servers.register("frames.v1", schema)
    ran = servers.command("apply", "--json")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "field camera_id" in ran.stderr
    assert "Traceback" not in ran.stderr
    ran = servers.command("diff", "--json")
    assert ran.returncode == 1
    assert [row["subject"] for row in last_json(ran)["differences"] if row["refused"]]


def test_where_nothing_runs_the_commands_end_with_3(servers, tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("WINNOW_")}
    ran = subprocess.run(
        [sys.executable, "-m", "winnow_cli", "topics", "apply"],
        env={**env, "WINNOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    assert "winnow up" in ran.stderr

"""`asyncapi.yaml` says what the contract says, and is a document that AsyncAPI tools can follow."""

import fastavro
import pytest
import yaml

from winnow import contract
from winnow_cli.deployment import asyncapi

COMMITTED = contract.schemas_dir() / "asyncapi.yaml"


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(COMMITTED.read_text())


@pytest.fixture(scope="module")
def topics():
    return yaml.safe_load((contract.schemas_dir() / "topics.yaml").read_text())["topics"]


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for below in node.values():
            yield from references(below)
    elif isinstance(node, list):
        for below in node:
            yield from references(below)


def resolved(document, reference):
    found = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_the_committed_file_is_current():
    assert asyncapi.is_current(COMMITTED), "run `python -m winnow_cli.deployment.asyncapi`"


def test_a_file_that_is_not_current_is_seen(tmp_path):
    stale = tmp_path / "asyncapi.yaml"
    assert not asyncapi.is_current(stale)
    stale.write_text(COMMITTED.read_text().replace("LogAppendTime", "CreateTime"))
    assert not asyncapi.is_current(stale)


def test_it_has_every_topic_and_its_dead_letters(document, topics):
    letters = {f"{short}.{service}.dlq" for short, entry in topics.items() for service in entry.get("dead_letters", [])}
    assert set(document["channels"]) == set(topics) | letters
    for short, channel in document["channels"].items():
        assert channel["address"] == f"{{namespace}}.{short}"
        assert channel["parameters"]["namespace"]["default"] == "winnow"
        assert set(channel["messages"]) == {topics[short]["record"] if short in topics else "DeadLetter"}


def test_it_has_every_writer_and_reader(document, topics):
    wanted = {
        (service, action, short)
        for short, entry in topics.items()
        for action, services in (("send", entry["writers"]), ("receive", entry["readers"]))
        for service in services
    }
    wanted |= {
        said
        for short, entry in topics.items()
        for service in entry.get("dead_letters", [])
        for said in ((service, "send", f"{short}.{service}.dlq"), ("cli", "receive", f"{short}.{service}.dlq"))
    }
    found = {
        (operation["tags"][0]["name"], operation["action"], operation["channel"]["$ref"].removeprefix("#/channels/"))
        for operation in document["operations"].values()
    }
    assert found == wanted


def test_every_reference_leads_somewhere(document):
    found = list(references(document))
    assert len(found) > len(document["channels"])
    for reference in found:
        assert resolved(document, reference)
    for operation in document["operations"].values():
        own = resolved(document, operation["channel"]["$ref"])["messages"]
        for message in operation["messages"]:
            assert message["$ref"].rsplit("/", 1)[1] in own


def test_every_payload_is_the_schema_that_is_registered(document):
    messages = dict(document["components"]["messages"])
    letter = messages.pop("DeadLetter")
    assert letter["contentType"] == "application/octet-stream"
    assert set(messages) == set(contract.schema_names())
    for record, message in messages.items():
        assert message["payload"]["schemaFormat"].startswith("application/vnd.apache.avro")
        assert fastavro.parse_schema(message["payload"]["schema"])["name"].endswith(record)
        assert message["bindings"]["kafka"]["schemaIdPayloadEncoding"] == "confluent"


def test_the_sizes_are_those_of_production(document):
    kafka = document["channels"]["frames.v1"]["bindings"]["kafka"]
    assert (kafka["partitions"], kafka["replicas"]) == (12, 3)
    assert kafka["topicConfiguration"] == {
        "min.insync.replicas": 2,
        "cleanup.policy": ["delete"],
        "retention.ms": 86_400_000,
        "max.message.bytes": 2 << 20,
        "message.timestamp.type": "LogAppendTime",
    }
    assert document["channels"]["frames.v1"]["x-local"]["partitions"] == 4

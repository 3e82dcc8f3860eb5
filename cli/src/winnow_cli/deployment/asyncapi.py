"""`schemas/asyncapi.yaml`: the contract as AsyncAPI 3.0, made from `topics.yaml` and the `.avsc` files.

python -m winnow_cli.deployment.asyncapi            writes it
python -m winnow_cli.deployment.asyncapi --check    exit 1 where the file is not what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from winnow import contract
from winnow.contract import Names, Topic

VERSION = "1.0.0"
AVRO = "application/vnd.apache.avro+json;version=1.9.0"
NAMESPACE = "{namespace}"
LETTER = "DeadLetter"

HEAD = """\
# Made by `python -m winnow_cli.deployment.asyncapi` from topics.yaml and the .avsc files; change those.
"""

LETTER_HEADERS = {
    "winnow-topic": "Topic of the record.",
    "winnow-partition": "Partition of the record.",
    "winnow-offset": "Offset of the record.",
    "winnow-timestamp": "The broker's time of the record, ISO 8601.",
    "winnow-service": "Who could not take it.",
    "winnow-error-class": "Class of the error.",
    "winnow-error": "Why, in a sentence.",
    "winnow-attempt": "How often it was tried.",
    "winnow-dead-lettered-at": "When it was put here, ISO 8601.",
}


def document() -> dict[str, Any]:
    """The contract as an AsyncAPI 3.0 document: plain values, sizes of production."""
    names = Names(NAMESPACE)
    topics = {_short(topic): topic for topic in contract.load_topics(names, "production")}
    local = {_short(topic): topic for topic in contract.load_topics(names, "local")}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Winnow",
            "version": VERSION,
            "description": (
                "Camera frames in, one recorded verdict each, kept images and the events about them. Values are Avro "
                "in the Confluent wire format, keys plain UTF-8; dead letters are the raw bytes as they came."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/vnd.apache.avro",
        "channels": {short: _channel(short, topic, local[short]) for short, topic in topics.items()},
        "operations": _operations(topics),
        "components": {
            "messages": {**{name: _message(name) for name in contract.schema_names()}, LETTER: _letter()},
        },
    }


def text() -> str:
    """What belongs into the file."""
    return HEAD + yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


def _channel(short: str, topic: Topic, local: Topic) -> dict[str, Any]:
    record = _record(topic)
    return {
        "address": topic.name,
        "title": short,
        "description": f"Key: {topic.key}.",
        "parameters": {"namespace": {"default": "winnow", "description": "Prefix of all topics of an installation."}},
        "messages": {record: {"$ref": f"#/components/messages/{record}"}},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": {key: _typed(key, value) for key, value in topic.config.items()},
                "bindingVersion": "0.5.0",
            }
        },
        "x-key": topic.key,
        "x-compatibility": topic.compatibility if topic.record else "none",
        "x-local": {"partitions": local.partitions, "replicas": local.replication},
    }


def _operations(topics: dict[str, Topic]) -> dict[str, Any]:
    operations = {}
    for short, topic in topics.items():
        for action, verb, services in (("send", "writes", topic.writers), ("receive", "reads", topic.readers)):
            for service in services:
                operations[f"{service}.{action}.{short}"] = {
                    "action": action,
                    "title": f"{service} {verb} {short}",
                    "channel": {"$ref": f"#/channels/{short}"},
                    "messages": [{"$ref": f"#/channels/{short}/messages/{_record(topic)}"}],
                    "tags": [{"name": service}],
                    **({"bindings": _group(service)} if action == "receive" and service in _members() else {}),
                }
    return operations


def _members() -> set[str]:
    """Services that read as members of a consumer group of the contract."""
    return {group.removeprefix(f"{NAMESPACE}.") for group in contract.load_groups(Names(NAMESPACE), "production")}


def _group(service: str) -> dict[str, Any]:
    group = {"type": "string", "description": f"{Names(NAMESPACE).group(service)}, where it reads as a member."}
    return {"kafka": {"groupId": group, "bindingVersion": "0.5.0"}}


def _message(record: str) -> dict[str, Any]:
    schema = json.loads(contract.schema(record))
    return {
        "name": record,
        "title": record,
        "summary": schema["doc"],
        "contentType": "application/vnd.apache.avro",
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "Plain UTF-8, never Avro."},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicIdStrategy",
                "bindingVersion": "0.5.0",
            }
        },
    }


def _letter() -> dict[str, Any]:
    headers = {name: {"type": "string", "description": what} for name, what in LETTER_HEADERS.items()}
    return {
        "name": LETTER,
        "title": "Dead letter",
        "summary": "The raw bytes of a record that no retry could mend; its own headers come first.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": headers, "required": list(headers)},
    }


def _record(topic: Topic) -> str:
    return topic.record or LETTER


def _short(topic: Topic) -> str:
    return topic.name.removeprefix(f"{NAMESPACE}.")


def _typed(key: str, value: str) -> Any:
    """A broker setting in the type that the Kafka binding gives it."""
    if key == "cleanup.policy":
        return value.split(",")
    return int(value) if value.lstrip("-").isdigit() else value


class _Plain(yaml.SafeDumper):
    """Without anchors: a document that people read says things where they belong."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def is_current(path: Path) -> bool:
    """Whether the file is there and is what would be written."""
    return path.exists() and path.read_text() == text()


def main() -> int:
    """Write the file, or check it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m winnow_cli.deployment.asyncapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file is out of date")
    path = contract.schemas_dir() / "asyncapi.yaml"
    if not parser.parse_args().check:
        path.write_text(text())
        return 0
    if is_current(path):
        return 0
    print(
        f"winnow: {path} is not what topics.yaml and the schemas say. Nothing was changed; "
        "`python -m winnow_cli.deployment.asyncapi` writes it anew.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())

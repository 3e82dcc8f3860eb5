"""The dataclasses are held to the schemas, field for field."""

import dataclasses
import io
import json
import types
import typing
from datetime import UTC, datetime
from enum import Enum

import fastavro
import pytest

from winnow import contract, events
from winnow.codec import to_record

TIMES = {"timestamp-millis"}


def _schema_shape(schema, names):
    """A schema as a comparable shape; named types are resolved."""
    if isinstance(schema, list):
        return frozenset(_schema_shape(branch, names) for branch in schema)
    if isinstance(schema, str):
        return names.get(schema, schema)
    kind = schema["type"]
    if schema.get("logicalType") in TIMES:
        return "datetime"
    if kind == "record":
        shape = (
            "record",
            schema["name"],
            tuple((f["name"], _schema_shape(f["type"], names)) for f in schema["fields"]),
        )
        names[schema["name"]] = shape
        return shape
    if kind == "enum":
        return ("enum", tuple(schema["symbols"]))
    if kind == "fixed":
        return "bytes"
    if kind == "array":
        return ("array", _schema_shape(schema["items"], names))
    if kind == "map":
        return ("map", _schema_shape(schema["values"], names))
    return _schema_shape(kind, names)


PLAIN = {
    str: "string",
    bytes: "bytes",
    float: "double",
    datetime: "datetime",
    bool: "boolean",
    type(None): "null",
}


def _fits(hint, shape):
    """Whether a Python type and a schema's shape are the same thing."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        arguments = typing.get_args(hint)
        return (
            isinstance(shape, frozenset)
            and len(arguments) == len(shape)
            and all(any(_fits(argument, branch) for branch in shape) for argument in arguments)
        )
    if hint is int:
        return shape in ("int", "long")
    if hint in PLAIN:
        return shape == PLAIN[hint]
    if origin is tuple:
        return shape[0] == "array" and _fits(typing.get_args(hint)[0], shape[1])
    if origin is dict:
        return shape[0] == "map" and _fits(typing.get_args(hint)[1], shape[1])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return shape[0] == "enum" and shape[1] == tuple(symbol.value for symbol in hint)
    return _record_fits(hint, shape)


def _record_fits(kind, shape):
    if not isinstance(shape, tuple) or shape[:2] != ("record", kind.__name__):
        return False
    hints = typing.get_type_hints(kind)
    fields = dict(shape[2])
    assert set(hints) == set(fields), f"{kind.__name__}: {set(hints) ^ set(fields)}"
    for name, hint in hints.items():
        assert _fits(hint, fields[name]), f"{kind.__name__}.{name}: {hint} is not {fields[name]}"
    return True


@pytest.mark.parametrize("record", contract.schema_names())
def test_the_dataclass_is_its_schema(record):
    assert _record_fits(getattr(events, record), _schema_shape(json.loads(contract.schema(record)), {}))


@pytest.mark.parametrize("record", contract.schema_names())
def test_defaults_agree(record):
    schema = json.loads(contract.schema(record))
    fields = {f.name: f for f in dataclasses.fields(getattr(events, record))}
    for field in schema["fields"]:
        ours = fields[field["name"]]
        has = ours.default is not dataclasses.MISSING or ours.default_factory is not dataclasses.MISSING
        if has:
            value = ours.default if ours.default is not dataclasses.MISSING else ours.default_factory()
            assert "default" in field, f"{record}.{field['name']} has a default in Python alone"
            assert to_record(value) == field["default"]


def test_a_wrong_type_is_seen():
    broken = json.loads(contract.schema("Frame"))
    broken["fields"][1]["type"] = "long"
    with pytest.raises(AssertionError, match="camera_id"):
        _record_fits(events.Frame, _schema_shape(broken, {}))


def test_every_schema_is_documented_to_the_last_field():
    def undocumented(schema, path):
        if isinstance(schema, list):
            return [p for branch in schema for p in undocumented(branch, path)]
        if not isinstance(schema, dict) or schema["type"] != "record":
            return []
        missing = [] if schema.get("doc") else [path]
        for field in schema["fields"]:
            here = f"{path}.{field['name']}"
            missing += ([] if field.get("doc") else [here]) + undocumented(field["type"], here)
        return missing

    assert [p for r in contract.schema_names() for p in undocumented(json.loads(contract.schema(r)), r)] == []


def test_a_frame_survives_avro():
    schema = fastavro.parse_schema(json.loads(contract.schema("Frame")))
    frame = events.Frame(
        "f", "c", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), 7, "image/jpeg", b"\xff\xd8", {"a": "b"}
    )
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, to_record(frame))
    buffer.seek(0)
    assert fastavro.schemaless_reader(buffer, schema, None) == to_record(frame)

"""A policy's fields from what a person typed or a file holds, each refused by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from selector.domain.policy import DEFAULT, check_key, faults
from winnow.errors import PoisonRecord, Refused
from winnow.events import SelectionPolicy
from winnow.identity import check_camera_id

NOT_SET = {
    "sampling_key": "it is kept as it is, for another one would draw train and test blocks anew",
    "changed_at": "it is the time of the change",
}
"""Fields that nobody gives a value, and why."""

TYPES = {name: kind for name, kind in get_type_hints(SelectionPolicy).items() if name not in NOT_SET}
"""Fields that can be set, with their types."""

KINDS = {float: "a number", bool: "true or false", str: "a text"}
"""What a value of each type is called."""

SWITCH = {"true": True, "on": True, "false": False, "off": False}
"""What may be typed for true and false: YAML takes the same."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-305` as text for want of a point; JSON and YAML 1.2 know it as a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)

_VALID = SelectionPolicy(kept_per_hour=360.0, burst=20.0, changed_at=datetime.fromtimestamp(0, UTC))


def checked_key(key: str) -> str:
    """The key. Raises `Refused` for what no camera, group or default has."""
    check_key(key)
    if key != DEFAULT:
        try:
            check_camera_id(key.partition("/")[2])
        except PoisonRecord as error:
            raise Refused(f"key {key!r}: {error}") from error
    return key


def typed(words: Sequence[str]) -> dict[str, Any]:
    """The values of `field=value`, of its type where it can be. Raises `ValueError` for a word without `=`."""
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not field=value")
        values[name] = SWITCH.get(text, text) if TYPES.get(name) is bool else text
        if TYPES.get(name) is float:
            with suppress(ValueError):
                values[name] = float(text)
    return values


def of_file(path: Path) -> dict[str, Any]:
    """The values of a YAML or JSON file. Raises `Refused` where there are none."""
    try:
        found = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; nothing was changed") from error
    except yaml.YAMLError as error:
        raise Refused(
            f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}; nothing was changed"
        ) from error
    if not isinstance(found, dict) or not found:
        raise Refused(f"{path} has no fields, such as `kept_per_hour: 360`; nothing was changed")
    return {str(name): value for name, value in found.items()}


def problems(values: Mapping[str, Any]) -> list[str]:
    """What cannot be, a sentence for each field: unknown, of another type, or out of its range."""
    wrong, good = [], {}
    for name, value in values.items():
        if name in NOT_SET:
            wrong.append(f"{name} cannot be set: {NOT_SET[name]}")
        elif name not in TYPES:
            wrong.append(f"{name} is no field of a policy; they are {', '.join(TYPES)}")
        elif not _fits(value, TYPES[name]):
            wrong.append(f"{name} is {value!r}; it must be {KINDS[TYPES[name]]}")
        else:
            good[name] = value
    return wrong + faults(replace(_VALID, **good), is_default=False)


def changed(policy: SelectionPolicy, values: Mapping[str, Any], at: datetime) -> SelectionPolicy:
    """The policy with other values; a note is of one change and is not kept. Raises `Refused` naming every field."""
    wrong = problems(values)
    if wrong:
        raise Refused("\n  ".join(["nothing was changed:", *wrong]))
    exact = {name: TYPES[name](value) for name, value in values.items()}
    return replace(policy, **{"note": "", **exact, "changed_at": at})


def differences(before: SelectionPolicy | None, after: SelectionPolicy) -> dict[str, dict[str, Any]]:
    """`old` and `new` of every field that decides, by name; all of them where there is no `before`."""
    old, new = shown(before) if before is not None else {}, shown(after)
    return {
        name: {"old": old.get(name), "new": value}
        for name, value in new.items()
        if name not in ("note", "changed_at") and old.get(name) != value
    }


def shown(policy: SelectionPolicy) -> dict[str, Any]:
    """A policy's fields for people and programs; of the sampling key only what tells it from another."""
    key = policy.sampling_key
    return {
        **{name: getattr(policy, name) for name in TYPES if name != "note"},
        "sampling_key": None if key is None else f"{len(key)} bytes, SHA-256 {hashlib.sha256(key).hexdigest()[:8]}…",
        "note": policy.note,
        "changed_at": policy.changed_at.isoformat(timespec="seconds"),
    }


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
    return isinstance(value, kind)

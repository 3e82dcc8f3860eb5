"""The versions of a policy: when each was written, by whom, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from selector.domain.policy import DEFAULT, check
from winnow.codec import Codec
from winnow.errors import PoisonRecord, Refused
from winnow.events import SelectionPolicy
from winnow.kafka.record import Record
from winnow_cli.selection.policies import differences
from winnow_cli.selection.topics import CHANGED_BY


@dataclass(frozen=True, slots=True)
class Version:
    """A record of one key. `changes` has `old` and `new` by field; `ignored`: why the selector does not go by it."""

    version: int
    at: datetime
    by: str
    changes: dict[str, dict[str, Any]]
    note: str = ""
    removed: bool = False
    ignored: str = ""


def versions(records: Iterable[Record], key: str, codec: Codec) -> list[Version]:
    """The versions of a key, oldest first. Raises `DependencyDown`."""
    found: list[Version] = []
    before: SelectionPolicy | None = None
    for record in records:
        if record.key != key.encode():
            continue
        by = next((value.decode(errors="replace") for name, value in record.headers if name == CHANGED_BY), "")
        if record.value is None:
            ignored = "the default cannot be removed" if key == DEFAULT else ""
            found.append(Version(record.offset, record.timestamp, by, {}, removed=not ignored, ignored=ignored))
            before = before if ignored else None
            continue
        try:
            policy = codec.decode(SelectionPolicy, record.value)
            check(policy, is_default=key == DEFAULT)
        except (PoisonRecord, Refused) as error:
            found.append(Version(record.offset, record.timestamp, by, {}, ignored=str(error)))
            continue
        found.append(Version(record.offset, record.timestamp, by, differences(before, policy), policy.note))
        before = policy
    return found

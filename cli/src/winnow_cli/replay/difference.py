"""Where two values of one kind differ first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` as a path, as in `signals.tokens`; `live` and `replayed` as a person reads them."""

    field: str
    live: str
    replayed: str


def first_difference(live: Any, replayed: Any, path: str = "") -> Difference | None:
    """The first field, in the order of the record, that is not exactly the same; None where all are."""
    if live == replayed or _both_nan(live, replayed):
        return None
    if is_dataclass(live) and type(live) is type(replayed):
        pairs = [(f.name, getattr(live, f.name), getattr(replayed, f.name)) for f in fields(live)]
    elif isinstance(live, Mapping) and isinstance(replayed, Mapping):
        pairs = [(name, live.get(name), replayed.get(name)) for name in {**live, **replayed}]
    else:
        return Difference(path or "all", _shown(live), _shown(replayed))
    for name, one, other in pairs:
        found = first_difference(one, other, f"{path}.{name}" if path else name)
        if found is not None:
            return found
    return None


def _both_nan(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes, {value[:8].hex(' ')}…"
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value[:8])) + (", …" if len(value) > 8 else "") or "none"
    return str(value)

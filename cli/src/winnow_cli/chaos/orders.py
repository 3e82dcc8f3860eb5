"""What a victim is told: at which point of its loop a signal strikes it. An order is a file that the victim takes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

ORDER = "WINNOW_CHAOS_ORDER"
"""The environment variable with the path of a victim's order."""


class Point(StrEnum):
    """Where a victim is struck; `ANYWHERE` is the one that needs no order."""

    BEFORE_PRODUCE = "before_produce"
    AFTER_PRODUCE = "after_produce"
    AFTER_OFFSETS = "after_offsets"
    DURING_COMMIT = "during_commit"
    AFTER_COMMIT = "after_commit"
    DURING_RESTORE = "during_restore"
    DURING_REVOKE = "during_revoke"
    DURING_ASSIGN = "during_assign"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Order:
    """`signal` strikes `delay_s` after `point` was reached, when it was passed `passes` times before."""

    point: Point
    signal: int
    passes: int = 0
    delay_s: float = 0.0

    def sooner(self) -> Order:
        """At the very next time, with half the delay."""
        return replace(self, passes=0, delay_s=self.delay_s / 2)

    def give(self, path: Path) -> None:
        """Whole or not at all: the victim may look at any moment."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(path)


def look(path: Path) -> Order | None:
    """The order that lies at `path`, if one does."""
    try:
        fields = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return Order(Point(fields["point"]), fields["signal"], fields["passes"], fields["delay_s"])


def take(path: Path) -> None:
    """The order is carried out: it is not there any more."""
    path.unlink()

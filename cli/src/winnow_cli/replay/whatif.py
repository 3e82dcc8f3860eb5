"""What another policy would have kept of the same frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from selector.domain.decide import decide
from selector.domain.policy import PolicyInForce
from selector.domain.state import CameraState
from winnow.events import Outcome, Verdict
from winnow_cli.replay.history import History
from winnow_cli.replay.partition import effort_of, observed


class Pair(NamedTuple):
    """What became of a frame live, and what would have under the other policy: outcome and reason of each."""

    live: tuple[str, str]
    other: tuple[str, str]


@dataclass(slots=True)
class WhatIf:
    """Counts of frames by camera and what became of them. `fields` take the place of those of the policy in force."""

    history: History
    fields: Mapping[str, Any]
    camera_id: str | None = None
    cameras: dict[str, Counter[Pair]] = field(default_factory=dict)
    as_recorded: Counter[str] = field(default_factory=Counter)
    states: dict[str, CameraState] = field(default_factory=dict)
    changed: dict[int, tuple[PolicyInForce, PolicyInForce]] = field(default_factory=dict)

    def take(self, verdict: Verdict) -> None:
        """Decides the verdict's frame under the other policy."""
        if self.camera_id is not None and verdict.camera_id != self.camera_id:
            return
        frame = observed(verdict)
        if frame is None:
            self.as_recorded[verdict.reason] += 1
            return
        camera_id = frame.camera_id
        state = self.states.get(camera_id) or CameraState(camera_id)
        other, self.states[camera_id] = decide(
            state, frame, self._policy(self.history.in_force(verdict)), effort_of(verdict)
        )
        pairs = self.cameras.get(camera_id)
        if pairs is None:
            pairs = self.cameras[camera_id] = Counter()
        pairs[Pair(_became(verdict), _became(other))] += 1

    def at_cursor(self, states: dict[str, CameraState]) -> None:
        """Nothing: the states of another policy are others."""

    def _policy(self, live: PolicyInForce) -> PolicyInForce:
        known = self.changed.get(id(live))
        if known is None or known[0] is not live:
            policy = replace(live.policy, **self.fields)
            key = policy.sampling_key if "sampling_key" in self.fields and policy.sampling_key else live.sampling_key
            known = self.changed[id(live)] = (live, replace(live, policy=policy, version=-1, sampling_key=key))
        return known[1]


def _became(verdict: Verdict) -> tuple[str, str]:
    return (verdict.outcome.value, verdict.reason)


class KeptRow(NamedTuple):
    """Frames of a camera that were kept for a reason, live, under the other policy, or both.

    What both kept is counted with the live reason: `live = both + only_live` in every row, and `other = both +
    only_other` in their sum.
    """

    camera_id: str
    reason: str
    live: int
    other: int
    both: int
    only_live: int
    only_other: int


def kept_rows(camera_id: str, pairs: Counter[Pair]) -> list[KeptRow]:
    """A row for each reason that a frame of the camera was kept for, under either policy."""
    kept = Outcome.KEPT.value
    reasons = sorted({reason for pair in pairs for outcome, reason in pair if outcome == kept})
    rows = []
    for reason in reasons:
        here = (kept, reason)
        live = sum(n for pair, n in pairs.items() if pair.live == here)
        other = sum(n for pair, n in pairs.items() if pair.other == here)
        both = sum(n for pair, n in pairs.items() if pair.live == here and pair.other[0] == kept)
        only_other = sum(n for pair, n in pairs.items() if pair.other == here and pair.live[0] != kept)
        rows.append(KeptRow(camera_id, reason, live, other, both, live - both, only_other))
    return rows

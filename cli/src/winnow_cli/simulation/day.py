"""One simulated camera through the selector's decision, frame by frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from selector.domain.decide import ObservedFrame, decide
from selector.domain.policy import PolicyInForce
from selector.domain.state import CameraState
from winnow.events import Outcome, Source
from winnow_cli.simulation.stream import START_HOUR, CameraDay, Visit

BEGIN = datetime(2026, 3, 1, int(START_HOUR), tzinfo=UTC)


class Point(NamedTuple):
    """One frame for the plot: `novelty` that it had, `least` that it needed to arrive; what kept it, if anything."""

    at_s: float
    novelty: float
    least: float
    kept: str


@dataclass(slots=True)
class CameraResult:
    """What a day came to. `budget` is the policy's frames of a day; `reasons` counts verdicts, control ones too.

    `new` are frames unlike every kept one: kept as such, or over budget. Visits count if at least one frame shows them.
    """

    camera_id: str
    budget: float
    frames: int = 0
    kept: int = 0
    new: int = 0
    visits: int = 0
    caught: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stays: tuple[Visit, ...] = ()
    points: list[Point] = field(default_factory=list)

    @property
    def by_rules(self) -> int:
        """Kept frames that count for the budget: all but control ones."""
        return self.kept - self.reasons["control"]

    @property
    def deviation(self) -> float:
        """Of the budget, as a share of it: 0 where exactly as many were kept."""
        return self.by_rules / self.budget - 1

    @property
    def held(self) -> bool:
        """Whether the stream held as many frames as the budget asks for: new ones, and the heartbeats between them."""
        return self.new + self.reasons["heartbeat"] >= self.budget


def simulate(camera_id: str, day: CameraDay, policy: PolicyInForce) -> CameraResult:
    """A camera's day from an empty state."""
    result = CameraResult(camera_id, budget=24 * policy.policy.kept_per_hour)
    state = CameraState(camera_id)
    shown, caught = set[int](), set[int]()
    for number, frame in enumerate(day.frames()):
        at = BEGIN + timedelta(seconds=frame.at_s)
        observed = ObservedFrame(
            camera_id=camera_id,
            frame_id=f"{camera_id}-{number}",
            source=Source("simulation", 0, number),
            captured_at=at,
            broker_time=at,
            size_bytes=frame.signature.size_bytes,
            content_hash=number + 1,  # no two frames have the same bytes
            signature=frame.signature,
            unreadable="",
            decided_at=at,
        )
        verdict, state = decide(state, observed, policy)
        kept = verdict.outcome is Outcome.KEPT
        result.frames += 1
        result.kept += kept
        result.reasons[verdict.reason] += 1
        result.new += verdict.reason in ("novel", "over_budget")
        if frame.visit is not None:
            shown.add(frame.visit)
            # What control keeps is kept by chance: no merit of the rules.
            if kept and verdict.reason != "control":
                caught.add(frame.visit)
        novelty, least = verdict.signals.get("novelty", 1.0), verdict.thresholds.get("novelty", 1.0)
        result.points.append(Point(frame.at_s, novelty, least, verdict.reason if kept else ""))
    result.visits, result.caught = len(shown), len(caught)
    result.stays = tuple(day.visits[visit] for visit in sorted(shown))
    return result

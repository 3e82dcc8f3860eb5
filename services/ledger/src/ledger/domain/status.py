"""What is known of a camera from its verdicts alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from winnow.events import Verdict

RATE_WINDOW_S = 60.0
"""A frame's share in the recent rate falls to 1/e in this time."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera as its verdicts show it; silence shows in `last_broker_time`.

    `counts` has verdicts by outcome and reason, as "outcome/reason". `recent_frames` is the exponentially decayed
    number of frames at `last_broker_time`.
    """

    camera_id: str
    first_broker_time: datetime
    last_broker_time: datetime
    last_event_time: datetime
    last_outcome: str
    last_reason: str
    counts: dict[str, int] = field(default_factory=dict)
    recent_frames: float = 0.0

    def rate_per_s(self, at: datetime) -> float:
        """Frames a second lately, by the broker's time, as of `at`."""
        since_s = max(0.0, (at - self.last_broker_time).total_seconds())
        age_s = max(1.0, (at - self.first_broker_time).total_seconds())
        window_s = RATE_WINDOW_S * (1.0 - math.exp(-age_s / RATE_WINDOW_S))
        return self.recent_frames * math.exp(-since_s / RATE_WINDOW_S) / window_s

    def outcome_counts(self) -> dict[str, int]:
        """Verdicts by outcome."""
        totals: dict[str, int] = {}
        for name, number in self.counts.items():
            outcome = name.split("/", 1)[0]
            totals[outcome] = totals.get(outcome, 0) + number
        return totals


def observe(status: CameraStatus | None, verdict: Verdict) -> CameraStatus:
    """The camera's status after one more verdict of it; its `camera_id` is set."""
    name = f"{verdict.outcome.value}/{verdict.reason}"
    if status is None:
        return CameraStatus(
            camera_id=str(verdict.camera_id),
            first_broker_time=verdict.broker_time,
            last_broker_time=verdict.broker_time,
            last_event_time=verdict.event_time,
            last_outcome=verdict.outcome.value,
            last_reason=verdict.reason,
            counts={name: 1},
            recent_frames=1.0,
        )
    passed_s = max(0.0, (verdict.broker_time - status.last_broker_time).total_seconds())
    return CameraStatus(
        camera_id=status.camera_id,
        first_broker_time=status.first_broker_time,
        last_broker_time=max(status.last_broker_time, verdict.broker_time),
        last_event_time=max(status.last_event_time, verdict.event_time),
        last_outcome=verdict.outcome.value,
        last_reason=verdict.reason,
        counts={**status.counts, name: status.counts.get(name, 0) + 1},
        recent_frames=status.recent_frames * math.exp(-passed_s / RATE_WINDOW_S) + 1.0,
    )

"""What is known of a camera from its verdicts alone."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime

from winnow.events import Outcome, Verdict

RATE_WINDOW_S = 60.0
"""A frame's share in the recent rate falls to 1/e in this time."""

RECENT_S = 600.0
"""A verdict's share in the recent counts falls to 1/e in this time."""

COUNTS_LEAST = 0.001
"""A recent count below this is dropped."""

PROBLEM_FLAGS = ("clock_skew", "id_reused")
"""Flags that say that a camera sends what it should not."""

MAX_PROBLEM = 300

NOBODY = ""
"""Stands for the camera of what belongs to none that is known."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera as its verdicts show it; silence shows in `last_broker_time`.

    `counts` has verdicts by outcome and reason, as "outcome/reason". `recent_frames` is the exponentially decayed
    number of frames at `last_broker_time`; so is `recent` by outcome and reason and, as "flag/name", by flag.
    `last_problem` is what was wrong with the last frame that had something wrong.
    """

    camera_id: str
    first_broker_time: datetime
    last_broker_time: datetime
    last_event_time: datetime
    last_outcome: str
    last_reason: str
    counts: dict[str, int] = field(default_factory=dict)
    recent_frames: float = 0.0
    recent: dict[str, float] = field(default_factory=dict)
    last_problem: str = ""

    def rate_per_s(self, at: datetime) -> float:
        """Frames a second lately, by the broker's time, as of `at`."""
        since_s = max(0.0, (at - self.last_broker_time).total_seconds())
        age_s = max(1.0, (at - self.first_broker_time).total_seconds())
        window_s = RATE_WINDOW_S * (1.0 - math.exp(-age_s / RATE_WINDOW_S))
        return self.recent_frames * math.exp(-since_s / RATE_WINDOW_S) / window_s

    def problems(self) -> dict[str, float]:
        """Shares of the recent verdicts, by what is wrong: why they are unreadable, and flags."""
        verdicts = sum(number for name, number in self.recent.items() if not name.startswith("flag/"))
        wrong = {f"flag/{flag}" for flag in PROBLEM_FLAGS}
        return {
            name.split("/", 1)[1]: number / verdicts
            for name, number in self.recent.items()
            if name in wrong or name.startswith(f"{Outcome.UNREADABLE.value}/")
        }

    def outcome_counts(self) -> dict[str, int]:
        """Verdicts by outcome."""
        totals: dict[str, int] = {}
        for name, number in self.counts.items():
            outcome = name.split("/", 1)[0]
            totals[outcome] = totals.get(outcome, 0) + number
        return totals


def camera_of(verdict: Verdict, key: bytes | None, known: Container[str]) -> str:
    """Whom a verdict counts for: its camera; where it knows none, the camera of the record's key, if that is known."""
    if verdict.camera_id is not None:
        return verdict.camera_id if "\0" not in verdict.camera_id else NOBODY
    named = (key or b"").decode(errors="replace")
    return named if named in known else NOBODY


def observe(status: CameraStatus | None, verdict: Verdict, camera_id: str) -> CameraStatus:
    """The camera's status after one more verdict that counts for it."""
    name = f"{verdict.outcome.value}/{verdict.reason}"
    problem = _problem(verdict)
    if status is None:
        return CameraStatus(
            camera_id=camera_id,
            first_broker_time=verdict.broker_time,
            last_broker_time=verdict.broker_time,
            last_event_time=verdict.event_time,
            last_outcome=verdict.outcome.value,
            last_reason=verdict.reason,
            counts={name: 1},
            recent_frames=1.0,
            recent=dict.fromkeys(_names(verdict), 1.0),
            last_problem=problem,
        )
    passed_s = max(0.0, (verdict.broker_time - status.last_broker_time).total_seconds())
    fading = math.exp(-passed_s / RECENT_S)
    recent = {what: faded for what, number in status.recent.items() if (faded := number * fading) >= COUNTS_LEAST}
    for what in _names(verdict):
        recent[what] = recent.get(what, 0.0) + 1.0
    return CameraStatus(
        camera_id=camera_id,
        first_broker_time=status.first_broker_time,
        last_broker_time=max(status.last_broker_time, verdict.broker_time),
        last_event_time=max(status.last_event_time, verdict.event_time),
        last_outcome=verdict.outcome.value,
        last_reason=verdict.reason,
        counts={**status.counts, name: status.counts.get(name, 0) + 1},
        recent_frames=status.recent_frames * math.exp(-passed_s / RATE_WINDOW_S) + 1.0,
        recent=recent,
        last_problem=problem or status.last_problem,
    )


def _names(verdict: Verdict) -> list[str]:
    return [f"{verdict.outcome.value}/{verdict.reason}", *(f"flag/{flag}" for flag in verdict.flags)]


def _problem(verdict: Verdict) -> str:
    """Where a frame is, as `winnow trace` and `winnow dlq show` take it, and what is wrong; empty if nothing is."""
    where = f"{verdict.source.partition}:{verdict.source.offset}"
    told = ""
    if verdict.outcome is Outcome.UNREADABLE:
        told = f"{where} {verdict.reason}" + (f": {verdict.detail}" if verdict.detail else "")
    elif "clock_skew" in verdict.flags:
        captured = verdict.captured_at.isoformat() if verdict.captured_at is not None else "unknown"
        told = f"{where} captured_at {captured}, broker time {verdict.broker_time.isoformat()}"
    elif "id_reused" in verdict.flags:
        told = f"{where} {verdict.frame_id} was sent before with other bytes"
    # What comes from outside goes to a database and to terminals.
    return "".join(character if character.isprintable() else "\ufffd" for character in told[:MAX_PROBLEM])

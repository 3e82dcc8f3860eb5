"""A camera before the decision that runs: frames to verdicts, and what it would say of others from here on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from selector.adapters.frames import extract_image
from selector.adapters.verdicts import States, judge
from selector.domain.autopilot import Autopilot
from selector.domain.budget import Bucket
from selector.domain.extraction import ExtractionLimits
from selector.domain.policy import PolicyBook
from selector.domain.ring import Ring
from selector.domain.seen import SeenWindow
from selector.domain.state import CameraState
from winnow.events import Frame, Source, Verdict

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
INTERVAL_S = 5.0
QUALITY_REASONS = ("blurred", "obscured", "dark", "over_exposed", "frozen_feed", "tampered")
"""Reasons that say that a picture is no good, or no picture of the scene."""


class Watched:
    """One camera. What was watched stays; what is probed leaves no trace, since a decision gives a new state."""

    def __init__(self, camera_id: str, book: PolicyBook, *, interval_s: float = INTERVAL_S) -> None:
        self._camera_id, self._book, self._interval = camera_id, book, timedelta(seconds=interval_s)
        self._state: CameraState | None = None
        self._number = 0
        self._limits = ExtractionLimits()

    @property
    def next_at(self) -> datetime:
        """When the next frame is taken."""
        return self.at(0)

    def at(self, ahead: int) -> datetime:
        """When the frame that is so many after the next one is taken."""
        return BEGIN + (self._number + ahead) * self._interval

    def watch(self, image: bytes) -> Verdict:
        """The verdict on the camera's next frame."""
        states = self._states(self._state)
        verdict = self._judge(image, 0, states)
        self._state, self._number = states.get(self._camera_id, self._state), self._number + 1
        return verdict

    def probe(self, images: Iterable[bytes], *, stalled: bool = False) -> list[Verdict]:
        """Verdicts on these as the next frames, one after the other; `stalled`: `captured_at` of all is the first's."""
        states = self._states(self._state)
        taken_at = self.next_at if stalled else None
        return [self._judge(image, ahead, states, taken_at) for ahead, image in enumerate(images)]

    def compare(self, reference: bytes, other: bytes) -> tuple[Verdict, Verdict]:
        """Verdicts on two frames of this camera, before which it has kept nothing; its statistics stay.

        Nor has it seen them: a picture with the same noise by chance would have the same bytes.
        """
        assert self._state is not None
        nothing_kept = replace(
            self._state,
            last_kept_ms=None,
            bucket=Bucket(),
            autopilot=Autopilot(),
            ring=Ring(),
            seen=SeenWindow(),
        )
        states = self._states(nothing_kept)
        return self._judge(reference, 0, states), self._judge(other, 1, states)

    def _states(self, state: CameraState | None) -> States:
        return {} if state is None else {self._camera_id: state}

    def _judge(self, image: bytes, ahead: int, states: States, taken_at: datetime | None = None) -> Verdict:
        at, number = self.at(ahead), self._number + ahead
        frame = Frame(
            frame_id=f"{number}",
            camera_id=self._camera_id,
            captured_at=taken_at or at,
            sequence=number,
            content_type="image/jpeg",
            image=image,
        )
        extracted = extract_image(frame, f"{number}", image, self._limits)
        return judge(extracted, Source("bench", 0, number), at, states, self._book.in_force)


def reason(verdict: Verdict) -> str:
    """What the rules said, also where the control share kept the frame."""
    return verdict.rules.reason if verdict.rules is not None else verdict.reason


def is_new(verdict: Verdict) -> bool:
    """Whether the rules found something new in the frame, the budget aside."""
    return reason(verdict) in ("novel", "over_budget")

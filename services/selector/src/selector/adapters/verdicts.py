"""From what was extracted to its verdict: the one way of the loop and of selection without servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from selector.adapters.frames import Extracted
from selector.domain.decide import ObservedFrame, decide
from selector.domain.effort import Effort
from selector.domain.overload import needs_look
from selector.domain.policy import PolicyInForce
from selector.domain.state import CameraState
from winnow.clock import now
from winnow.events import Frame, Outcome, Source, Verdict

MAX_DETAIL = 1000
"""What comes from outside is cut, so that no verdict can outgrow a record; the whole is in the dead letter."""

States = dict[str, CameraState]


def judge(
    extracted: Extracted,
    source: Source,
    broker_time: datetime,
    states: States,
    in_force: Callable[[str], PolicyInForce],
) -> Verdict:
    """The frame's verdict; its camera's next state takes the place of the one in `states`."""
    frame, frame_id = extracted.frame, extracted.frame_id
    if frame is None or frame_id is None or extracted.refused:
        return Verdict(
            camera_id=frame.camera_id if frame is not None else None,
            frame_id=frame_id,
            source=source,
            broker_time=broker_time,
            captured_at=frame.captured_at if frame is not None else None,
            event_time=broker_time,
            outcome=Outcome.UNREADABLE,
            reason=extracted.refused,
            detail=extracted.detail[:MAX_DETAIL],
            size_bytes=extracted.size_bytes,
            decided_at=now(),
        )
    state = states.get(frame.camera_id) or CameraState(frame.camera_id)
    observed = _observed(extracted, frame, frame_id, source, broker_time)
    verdict, states[frame.camera_id] = decide(state, observed, in_force(frame.camera_id), extracted.effort)
    return verdict


def must_look(
    extracted: Extracted,
    source: Source,
    broker_time: datetime,
    states: States,
    in_force: Callable[[str], PolicyInForce],
) -> bool:
    """Whether a frame that was extracted with reduced effort is to be decoded before it is judged."""
    frame, frame_id = extracted.frame, extracted.frame_id
    if frame is None or frame_id is None or extracted.refused or extracted.effort is Effort.FULL:
        return False
    state = states.get(frame.camera_id) or CameraState(frame.camera_id)
    return needs_look(state, _observed(extracted, frame, frame_id, source, broker_time), in_force(frame.camera_id))


def _observed(
    extracted: Extracted, frame: Frame, frame_id: str, source: Source, broker_time: datetime
) -> ObservedFrame:
    return ObservedFrame(
        camera_id=frame.camera_id,
        frame_id=frame_id,
        source=source,
        captured_at=frame.captured_at,
        broker_time=broker_time,
        size_bytes=extracted.size_bytes,
        content_hash=extracted.content_hash,
        signature=extracted.signature,
        unreadable=extracted.detail,
        decided_at=now(),
    )

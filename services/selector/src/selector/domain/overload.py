"""Which frames are decoded with reduced effort: known before decoding, from the state that the decision goes by."""

from __future__ import annotations

from selector.domain import sampling
from selector.domain.decide import ObservedFrame, event_time
from selector.domain.effort import departure
from selector.domain.policy import PolicyInForce
from selector.domain.state import CameraState
from winnow.clock import to_ms


def needs_look(state: CameraState, frame: ObservedFrame, policy: PolicyInForce) -> bool:
    """Whether a frame must be decoded for its verdict although effort is reduced; its signature is not asked for.

    A frame that serves a control slot always is. One that came before never is, under its own id or another. Of the
    others those whose byte size departs from the camera's median, and all while too few sizes are known.
    """
    low_hash = frame.content_hash & (2**64 - 1)
    if low_hash in state.seen.contents_of(frame.frame_id):
        return False
    event_ms = to_ms(event_time(frame.captured_at, frame.broker_time)[0])
    every_s = policy.policy.control_every_s
    if sampling.serves_control(policy.sampling_key, frame.camera_id, every_s, state.last_event_ms, event_ms):
        return True
    if state.seen.id_of(low_hash) is not None:
        return False
    departed = departure(state.sizes, frame.size_bytes)
    return departed is None or departed.large

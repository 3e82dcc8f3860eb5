"""The decision on one frame: a pure function of the camera's state, the frame and the policy in force."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from selector.domain import sampling
from selector.domain.autopilot import Admission, Autopilot, admit, follow
from selector.domain.budget import Bucket, heartbeat_interval_ms, refill
from selector.domain.effort import Departure, Effort, departure, remember
from selector.domain.noise import NearDuplicateThresholds, NoiseFloor, near_duplicate_thresholds, update_noise_floor
from selector.domain.policy import PolicyInForce
from selector.domain.quality.inspect import inspect
from selector.domain.ring import Match
from selector.domain.signature import SIGNATURE_VERSION, Signature
from selector.domain.state import CameraState
from winnow.clock import to_ms
from winnow.events import Nearest, Outcome, RuleOutcome, SelectionPolicy, Source, Verdict

OLDEST = timedelta(days=30)
NEWEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, eq=False)
class ObservedFrame:
    """A frame as the decision sees it. `signature` is None where `unreadable` says why, or nobody looked.

    `content_hash` is XXH3-128 of the image bytes; `decided_at` goes into the verdict and decides nothing.
    """

    camera_id: str
    frame_id: str
    source: Source
    captured_at: datetime
    broker_time: datetime
    size_bytes: int
    content_hash: int
    signature: Signature | None
    unreadable: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What the rules say of a readable frame, and what they measured.

    `match` is the nearest kept frame; it was held against `thresholds` where there are any.
    """

    reason: str
    match: Match | None = None
    identical_to: str | None = None
    thresholds: NearDuplicateThresholds | None = None
    since_kept_ms: float | None = None
    novelty: float | None = None
    admission: Admission | None = None
    heartbeat_ms: float | None = None

    @property
    def kept(self) -> bool:
        return self.reason in ("novel", "heartbeat")


def event_time(captured_at: datetime, broker_time: datetime) -> tuple[datetime, bool]:
    """The time that decisions use, and whether the camera's clock was set aside for the broker's."""
    if broker_time - OLDEST <= captured_at <= broker_time + NEWEST:
        return captured_at, False
    return broker_time, True


def decide(
    state: CameraState, frame: ObservedFrame, policy: PolicyInForce, effort: Effort = Effort.FULL
) -> tuple[Verdict, CameraState]:
    """One frame's verdict and the camera's next state.

    The first rule that speaks wins: redelivered, unreadable, frozen_feed, identical_bytes, tampered, dark,
    over_exposed, blurred, obscured, near_duplicate, over_budget, novel; a due heartbeat keeps a near-duplicate, and the
    control share keeps whatever the rules said. What is rejected for its quality leaves ring, noise floor and bucket as
    they are. With reduced `effort` a frame may come without a signature (`overload.needs_look`): overload. Reads no
    clock.
    """
    moment, skewed = event_time(frame.captured_at, frame.broker_time)
    event_ms = to_ms(moment)
    low_hash = frame.content_hash & (2**64 - 1)
    contents = state.seen.contents_of(frame.frame_id)
    flags = (["clock_skew"] if skewed else []) + (["id_reused"] if contents and low_hash not in contents else [])
    if low_hash in contents:
        return _verdict(frame, policy, moment, flags, effort, outcome=Outcome.REDELIVERED, reason="redelivered"), state
    seen = state.seen.add(frame.frame_id, low_hash)
    sizes = remember(state.sizes, frame.size_bytes)
    departed = departure(state.sizes, frame.size_bytes) if effort is Effort.REDUCED else None
    if frame.signature is None and frame.unreadable:
        unreadable = {"outcome": Outcome.UNREADABLE, "reason": "undecodable", "detail": frame.unreadable}
        after = replace(state, seen=seen, sizes=sizes, frames=state.frames + 1)
        return _verdict(frame, policy, moment, flags, effort, **unreadable), after
    identical_to = state.seen.id_of(low_hash)
    last_event_ms = event_ms if state.last_event_ms is None else max(state.last_event_ms, event_ms)
    if frame.signature is None:
        ruling = _Ruling("identical_bytes" if identical_to is not None else "overload", identical_to=identical_to)
        verdict = _verdict(
            frame,
            policy,
            moment,
            flags,
            effort,
            outcome=Outcome.REJECTED,
            reason=ruling.reason,
            signals=_size_signals(departed),
            thresholds=_size_thresholds(departed),
            nearest=_nearest(ruling),
        )
        # For a control slot it would have been looked at, so it counts there; what the budget earned meanwhile comes
        # with the next frame that is looked at.
        return verdict, replace(state, seen=seen, sizes=sizes, frames=state.frames + 1, last_event_ms=last_event_ms)
    budget = policy.policy
    bucket = refill(state.bucket, per_hour=budget.kept_per_hour, burst=budget.burst, now_ms=event_ms)
    look, memory = inspect(
        state.quality,
        frame.signature,
        policy.visible,
        identical=identical_to is not None,
        event_ms=event_ms,
        broker_ms=to_ms(frame.broker_time),
    )
    if state.ring.visible is not policy.visible:
        state = replace(state, ring=state.ring.behind(policy.visible))
    if identical_to is not None:
        ruling = _Ruling(look.reason or "identical_bytes", identical_to=identical_to)
    elif look.reason:
        ruling = _Ruling(look.reason, _nearest_kept(state, frame.signature))
    else:
        ruling = _compare(state, bucket, frame.signature, policy, event_ms)
    control = sampling.serves_control(
        policy.sampling_key, frame.camera_id, budget.control_every_s, state.last_event_ms, event_ms
    )
    signals = look.signals | _signals(ruling, bucket) | _size_signals(departed)
    flags += look.flags
    if ruling.thresholds is not None and ruling.thresholds.warm_up and "warm_up" not in flags:
        flags.append("warm_up")
    if control:
        flags.append("control")
        signals["control_weight_s"] = (event_ms - (state.last_event_ms or event_ms)) / 1000
    every_s = {"control_every_s": budget.control_every_s} if control else {}
    verdict = _verdict(
        frame,
        policy,
        moment,
        flags,
        effort,
        outcome=Outcome.KEPT if control or ruling.kept else Outcome.REJECTED,
        reason="control" if control else ruling.reason,
        rules=RuleOutcome("kept" if ruling.kept else "rejected", ruling.reason) if control else None,
        signals=signals,
        thresholds=look.thresholds | _thresholds(ruling) | _size_thresholds(departed) | every_s,
        nearest=_nearest(ruling),
        signature=frame.signature.to_bytes(),
        signature_version=SIGNATURE_VERSION,
    )
    # A control frame is outside the budget and never in the ring: the rules may keep the next one like it.
    kept = ruling.kept and not control
    after = CameraState(
        camera_id=state.camera_id,
        frames=state.frames + 1,
        last_event_ms=last_event_ms,
        last_kept_ms=event_ms if kept else state.last_kept_ms,
        bucket=bucket._replace(tokens=bucket.tokens - 1.0) if kept else bucket,
        autopilot=_autopilot(state, ruling, bucket, budget, control=control),
        noise=_noise(state.noise, ruling),
        quality=memory,
        ring=state.ring.put(frame.frame_id, event_ms, frame.signature) if kept else state.ring,
        seen=seen,
        sizes=sizes,
    )
    return verdict, after


def _verdict(
    frame: ObservedFrame, policy: PolicyInForce, moment: datetime, flags: list[str], effort: Effort, **decided: Any
) -> Verdict:
    """The verdict with what every one of this frame has in common."""
    return Verdict(
        camera_id=frame.camera_id,
        frame_id=frame.frame_id,
        source=frame.source,
        broker_time=frame.broker_time,
        captured_at=frame.captured_at,
        event_time=moment,
        decided_at=frame.decided_at,
        flags=tuple(flags),
        block=sampling.block(policy.scene_key, policy.scene, policy.split_block_s, to_ms(moment)),
        policy_version=policy.version,
        camera_version=policy.camera_version,
        policies_version=policy.policies_version,
        effort=effort.value,
        content_hash=f"{frame.content_hash:032x}",
        size_bytes=frame.size_bytes,
        **decided,
    )


def _compare(state: CameraState, bucket: Bucket, signature: Signature, policy: PolicyInForce, event_ms: int) -> _Ruling:
    thresholds = near_duplicate_thresholds(state.noise)
    match = state.ring.nearest(signature, thresholds)
    since_kept_ms = None if state.last_kept_ms is None else event_ms - state.last_kept_ms
    novelty = None if match is None else match.novelty
    admission = admit(state.autopilot, bucket, policy.policy, novelty=novelty, since_kept_ms=since_kept_ms)
    heartbeat_ms = None
    if admission.reason in ("near_duplicate", "heartbeat"):
        budget = policy.policy
        heartbeat_ms = heartbeat_interval_ms(per_hour=budget.kept_per_hour, share=budget.heartbeat_share)
    return _Ruling(admission.reason, match, None, thresholds, since_kept_ms, novelty, admission, heartbeat_ms)


def _nearest_kept(state: CameraState, signature: Signature) -> Match | None:
    """For a person who looks at a frame that was rejected for its quality: it decides nothing and teaches nothing."""
    return state.ring.nearest(signature, near_duplicate_thresholds(state.noise))


def _autopilot(
    state: CameraState, ruling: _Ruling, bucket: Bucket, budget: SelectionPolicy, *, control: bool
) -> Autopilot:
    """A control frame is outside the budget: nothing was admitted, whatever the rules said of it."""
    before_ms, now_ms = state.bucket.at_ms, bucket.at_ms
    elapsed_ms = 0 if before_ms is None or now_ms is None else max(0, now_ms - before_ms)
    admission = None if control else ruling.admission
    return follow(state.autopilot, budget, bucket, admission, novelty=ruling.novelty, elapsed_ms=elapsed_ms)


def _noise(floor: NoiseFloor, ruling: _Ruling) -> NoiseFloor:
    if ruling.match is None or ruling.thresholds is None:
        return floor
    return update_noise_floor(floor, residual=ruling.match.fit.block_residual, cosine=ruling.match.cosine)


def _signals(ruling: _Ruling, bucket: Bucket) -> dict[str, float]:
    signals = {"tokens": bucket.tokens, "reserve": bucket.reserve}
    if ruling.since_kept_ms is not None:
        signals["since_kept_s"] = ruling.since_kept_ms / 1000
    if ruling.novelty is not None:
        signals["novelty"] = ruling.novelty
    if ruling.match is not None:
        fit = ruling.match.fit
        signals |= {
            "cosine": ruling.match.cosine,
            "residual": fit.block_residual,
            "residual_cell": fit.cell_residual,
            "gain": fit.gain,
            "offset": fit.offset,
            "shift_x": fit.shift_x,
            "shift_y": fit.shift_y,
        }
    return signals


def _thresholds(ruling: _Ruling) -> dict[str, float]:
    if ruling.thresholds is None or ruling.admission is None:
        return {}
    thresholds = {
        "cosine": ruling.thresholds.cosine,
        "residual": ruling.thresholds.residual,
        "residual_cell": ruling.thresholds.cell,
        "tokens": 1.0,
        "spacing_s": ruling.admission.spacing_ms / 1000,
        "novelty": ruling.admission.least_novelty,
    }
    if ruling.heartbeat_ms is not None and ruling.heartbeat_ms < math.inf:
        thresholds["heartbeat_s"] = ruling.heartbeat_ms / 1000
    return thresholds


def _size_signals(departed: Departure | None) -> dict[str, float]:
    return {} if departed is None else {"size_departure": float(departed.size_bytes)}


def _size_thresholds(departed: Departure | None) -> dict[str, float]:
    return {} if departed is None else {"size_departure": float(departed.limit_bytes)}


def _nearest(ruling: _Ruling) -> Nearest | None:
    if ruling.identical_to is not None:
        return Nearest(ruling.identical_to, 0.0)
    return Nearest(ruling.match.frame_id, ruling.match.fit.block_residual) if ruling.match is not None else None

"""What the control frames say of the rules: rates over all frames of a camera, each with its interval.

A control frame is the first one after a moment drawn in its slot, so a frame that comes after a long pause is drawn
more often. Each therefore counts by the inverse of the chance that it had; the estimates are then of frames, not of
time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Z_95 = 1.959963984540054


class ControlFrame(NamedTuple):
    """A labelled control frame.

    `rules_kept` and `reason` are what the rules said of it, `chance` is `inclusion` of it, and `relevant` what the
    label says: that it shows what the camera is watched for.
    """

    camera_id: str
    rules_kept: bool
    reason: str
    chance: float
    relevant: bool


class Estimate(NamedTuple):
    """A rate with its 95 % interval, from so many control frames; without any it is nothing, from 0 to 1."""

    rate: float
    low: float
    high: float
    frames: int


class MissRates(NamedTuple):
    """How the rules of one camera miss.

    `missed`: of the relevant frames, the share that the rules rejected. `relevant_by_reason`: of the frames rejected
    for a reason, the share that was relevant. `relevant`: of all frames, the share that was relevant: what a random
    choice of images holds.
    """

    missed: Estimate
    relevant_by_reason: dict[str, Estimate]
    relevant: Estimate


def inclusion(event_ms: int, weight_s: float, every_s: float) -> float:
    """The chance that a frame at `event_ms` became a control frame, `weight_s` after the frame before it.

    That is that at least one slot of `every_s` has its moment between the two. `weight_s` is the verdict's signal
    `control_weight_s`, `every_s` the policy's `control_every_s`. Raises `ValueError` where no time lies between.
    """
    slot_ms = max(1, round(every_s * 1000))
    gap_ms = round(weight_s * 1000)
    if gap_ms <= 0:
        raise ValueError(f"a frame {weight_s} s after the one before cannot be a control frame")
    first, last = (event_ms - gap_ms) // slot_ms, event_ms // slot_ms
    if last - first > 1:
        return 1.0
    if first == last:
        return gap_ms / slot_ms
    in_last = event_ms - last * slot_ms
    return 1.0 - (1.0 - in_last / slot_ms) * (1.0 - (gap_ms - in_last) / slot_ms)


def miss_rates(frames: Iterable[ControlFrame]) -> dict[str, MissRates]:
    """By camera: what its labelled control frames say of the rules. Frames of one camera are of one policy."""
    cameras: dict[str, list[ControlFrame]] = defaultdict(list)
    for frame in frames:
        cameras[frame.camera_id].append(frame)
    return {camera_id: _camera(found) for camera_id, found in cameras.items()}


def _camera(frames: list[ControlFrame]) -> MissRates:
    rejected: dict[str, list[ControlFrame]] = defaultdict(list)
    for frame in frames:
        if not frame.rules_kept:
            rejected[frame.reason].append(frame)
    return MissRates(
        missed=estimate([(not frame.rules_kept, frame.chance) for frame in frames if frame.relevant]),
        relevant_by_reason={
            reason: estimate([(frame.relevant, frame.chance) for frame in found])
            for reason, found in sorted(rejected.items())
        },
        relevant=estimate([(frame.relevant, frame.chance) for frame in frames]),
    )


def control_rate(control: int, frames: int) -> Estimate:
    """Of `frames` frames of a camera, the share that control kept."""
    return Estimate(control / frames if frames else 0.0, *wilson(control / max(frames, 1), frames), frames)


def estimate(found: Sequence[tuple[bool, float]]) -> Estimate:
    """The rate of true ones over all frames, from (is it so, chance to be drawn) of those that were drawn.

    The ratio of sums by inverse chance (Hajek, 1971), and the interval of Wilson (1927) for as many frames of equal
    chance as have the same variance (Kish, 1965).
    """
    total = sum(1.0 / chance for _, chance in found)
    if not total:
        return Estimate(0.0, 0.0, 1.0, 0)
    rate = sum(1.0 / chance for so, chance in found if so) / total
    effective = total * total / sum(1.0 / (chance * chance) for _, chance in found)
    return Estimate(rate, *wilson(rate, effective), len(found))


def wilson(rate: float, count: float) -> tuple[float, float]:
    """The 95 % interval of Wilson (1927) around a rate that was seen in `count` trials; 0 to 1 without any."""
    if count <= 0:
        return 0.0, 1.0
    z2 = Z_95 * Z_95
    centre = (rate + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(rate * (1 - rate) / count + z2 / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)

"""Whoever has a verdict's signals and thresholds alone comes to its reason."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tests.support.camera import WARM, clock, encoded, judged, policy, scene

from winnow.events import Verdict

COVERED, SOFT = {"clearest", "pattern"}, {"focus", "visibility"}


def recomputed(verdict: Verdict) -> str:
    """The reason, from signals, thresholds and whether a frame with the same bytes is named."""
    signals, limits = verdict.signals, verdict.thresholds

    def below(*names: str) -> bool:
        return all(name in limits and name in signals and signals[name] < limits[name] for name in names)

    def at_most(*names: str) -> bool:
        return all(name in limits and name in signals and signals[name] <= limits[name] for name in names)

    def at_least(*names: str) -> bool:
        return all(name in limits and name in signals and signals[name] >= limits[name] for name in names)

    dark = below("mean_log_luma") and at_most("edges")
    over_exposed = "saturated_share" in limits and signals["saturated_share"] > limits["saturated_share"]
    blank = at_most("keenest") if "keenest" in limits else at_most("clearest")
    suspect = at_least("suspect_frames") and blank and (at_most(*COVERED) or at_most(*SOFT))
    moved = below("pattern") and at_least("moved_match", "moved_frames")
    if at_most("changed_share") and at_least("repeats", "repeats_s"):
        return "frozen_feed"
    if verdict.nearest is not None and "residual" not in signals:
        return "identical_bytes"
    if (suspect or moved) and not dark and not over_exposed:
        return "tampered"
    if dark:
        return "dark"
    if over_exposed:
        return "over_exposed"
    if at_least("pattern") and below("focus"):
        return "blurred"
    if at_least("pattern") and below("visibility", "typical", "clearest"):
        return "obscured"
    funded = at_least("tokens")
    since_kept_s = abs(signals.get("since_kept_s", np.inf))
    if "residual" in signals and at_most("residual", "residual_cell", "cosine"):
        due = since_kept_s >= limits.get("heartbeat_s", np.inf)
        return "heartbeat" if due and funded else "near_duplicate"
    arrives = "novelty" not in signals or signals["novelty"] > limits["novelty"]
    return "novel" if funded and (arrives or since_kept_s >= limits["spacing_s"]) else "over_budget"


def mode(verdict: Verdict) -> set[str]:
    signals, limits = verdict.signals, verdict.thresholds
    if "night" in limits:
        assert signals["mean_log_luma"] < limits["night"]
        return {"night"}
    if "chroma_spread" in limits:
        assert signals["chroma_spread"] < limits["chroma_spread"]
        return {"infrared"}
    return set()


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """Of a camera to which everything happens once."""
    _, state = judged(scene(i) for i in range(WARM))
    still = scene(800)
    happenings = [
        [scene(900 + i, blur=1.0) for i in range(3)],
        [scene(910 + i, fog=0.5) for i in range(4)],
        [scene(920 + i, light=0.03, noise=1.0) for i in range(3)],
        [scene(930 + i, light=6.0) for i in range(3)],
        [scene(935 + i) for i in range(2)],
        [scene(940 + i, covered=True) for i in range(5)],
        [scene(945 + i) for i in range(2)],
        [scene(950 + i, blur=7.0) for i in range(5)],
        [scene(955 + i) for i in range(2)],
        [np.roll(scene(960 + i), 96, axis=1) for i in range(5)],
        [clock(still, i) for i in range(10)],
        [encoded(scene(970))] * 8,
        [scene(980 + i, light=0.25) for i in range(3)],
        [scene(985 + i, grey=True) for i in range(3)],
        [scene(1000 + i, view=2 + i) for i in range(30)],
    ]
    found: list[Verdict] = []
    for pictures in happenings:
        more, state = judged(pictures, policy(heartbeat_share=0.5), state, first=WARM + len(found))
        found += more
    more, _ = judged([scene(2000 + i) for i in range(30)], policy(heartbeat_share=0.5), state, first=5000)
    return [*found, *more]


EVERY_REASON = {
    "frozen_feed", "identical_bytes", "tampered", "dark", "over_exposed", "blurred", "obscured", "near_duplicate",
    "heartbeat", "over_budget", "novel",
}  # fmt: skip


def test_the_reason_follows_from_signals_and_thresholds_for_every_reason(verdicts):
    assert set(Counter(v.reason for v in verdicts)) == EVERY_REASON
    for verdict in verdicts:
        assert recomputed(verdict) == verdict.reason, verdict


def test_each_kind_of_tampering_is_there_and_says_what_it_is(verdicts):
    tampered = [v for v in verdicts if v.reason == "tampered"]
    kinds = Counter(
        "moved" if "moved_match" in v.signals else "covered" if set(v.thresholds) >= COVERED else "soft"
        for v in tampered
    )
    assert set(kinds) == {"moved", "covered", "soft"}
    assert all(set(v.thresholds) & {"suspect_frames", "moved_frames"} for v in tampered)


def test_the_mode_follows_too(verdicts):
    assert {"night"} in [mode(v) for v in verdicts] and {"infrared"} in [mode(v) for v in verdicts]
    for verdict in verdicts:
        assert mode(verdict) == {"night", "infrared"} & set(verdict.flags)


def test_whatever_the_reason_the_nearest_kept_frame_and_its_distance_are_there(verdicts):
    for verdict in verdicts:
        assert verdict.nearest is not None
        same_bytes = "residual" not in verdict.signals
        assert verdict.nearest.distance == (0.0 if same_bytes else verdict.signals["residual"])


def test_numbers_of_rare_reasons_are_only_in_verdicts_where_they_were_looked_at():
    verdicts, _ = judged(scene(i) for i in range(WARM))
    rare = {"edges", "keenest", "clearest", "typical", "suspect_frames", "moved_match", "repeats", "night"}
    for verdict in verdicts:
        assert not rare & (set(verdict.signals) | set(verdict.thresholds))

"""The quality rules on small pictures with known faults, through the whole decision."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.camera import WARM, clock, encoded, judged, policy, reasons, scene

from selector.domain.quality.reference import AC_WARM_UP_STEPS, WARM_UP_STEPS
from selector.domain.quality.tamper import RELEARN_MS
from selector.domain.state import CameraState, changes, restored
from winnow.events import Outcome, SelectorState, Verdict


@pytest.fixture(scope="module")
def known() -> CameraState:
    """A camera that the rules know by day."""
    verdicts, state = judged(scene(i) for i in range(WARM))
    assert {v.reason for v in verdicts} <= {"novel", "near_duplicate", "heartbeat"}
    return state


def after(known: CameraState, pictures, **more) -> list[Verdict]:
    return judged(pictures, state=known, first=WARM, **more)[0]


FAULTS = [
    ("blurred", {"blur": 1.0}),
    ("blurred", {"blur": 2.5}),
    ("obscured", {"fog": 0.5}),
    ("dark", {"light": 0.03, "noise": 1.0}),
    ("over_exposed", {"light": 6.0}),
]


@pytest.mark.parametrize(("reason", "fault"), FAULTS, ids=[f"{reason} {fault}" for reason, fault in FAULTS])
def test_a_fault_is_named_with_its_signal_and_threshold_and_the_next_good_frame_is_none(known, reason, fault):
    signal = {"blurred": "focus", "obscured": "visibility", "dark": "mean_log_luma", "over_exposed": "saturated_share"}
    bad, good = after(known, [scene(900, **fault), scene(901)])
    assert (bad.outcome, bad.reason) == (Outcome.REJECTED, reason)
    value, limit = bad.signals[signal[reason]], bad.thresholds[signal[reason]]
    assert (value > limit) if reason == "over_exposed" else (value < limit)
    assert bad.nearest is not None and bad.nearest.distance == bad.signals["residual"]
    assert "residual" not in bad.thresholds, "for a person to look at: it was not held against the kept frame"
    assert good.reason in ("near_duplicate", "heartbeat")


GOOD = [{}, {"light": 0.6}, {"light": 1.4}, {"light": 0.35}, {"fog": 0.92}, {"noise": 5.0}, {"grey": True}, {"view": 2}]


@pytest.mark.parametrize("change", GOOD, ids=str)
def test_what_is_no_fault_is_not_called_one(known, change):
    found = {v.reason for v in after(known, [scene(i, **change) for i in range(900, 910)])}
    assert found <= {"novel", "near_duplicate", "heartbeat", "over_budget"}


def test_before_a_camera_is_known_nothing_is_held_against_it_and_the_verdict_says_so():
    verdicts, state = judged(scene(i, blur=2.0 if i % 2 else 0.0) for i in range(WARM_UP_STEPS - 1))
    assert all("warm_up" in v.flags for v in verdicts)
    assert not {"blurred", "obscured", "tampered"} & set(reasons(verdicts))
    assert "focus" not in verdicts[-1].thresholds
    (dark,), _ = judged([scene(0, light=0.02)], state=state, first=WARM)
    assert dark.reason == "dark", "what needs no reference is said from the first frame on"


def test_night_and_infrared_are_modes_with_references_of_their_own(known):
    night = after(known, [scene(900 + i, light=0.25) for i in range(40)])
    assert all("night" in v.flags for v in night)
    assert ["warm_up" in v.flags for v in night] == [True] * WARM_UP_STEPS + [False] * (40 - WARM_UP_STEPS)
    assert not {"dark", "obscured", "blurred", "tampered"} & set(reasons(night))
    grey = after(known, [scene(900, grey=True)])
    assert "infrared" in grey[0].flags


def test_a_still_scene_with_a_ticking_clock_is_not_frozen(known):
    live = after(known, [clock(scene(900 + i), i) for i in range(40)])
    assert "frozen_feed" not in reasons(live)
    assert min(v.signals["changed_share"] for v in live) > 0.5


def test_a_feed_that_stands_still_under_a_ticking_clock_is_frozen_after_five_repetitions_and_two_seconds(known):
    still = scene(900)
    frozen = after(known, [clock(still, i) for i in range(10)])
    assert reasons(frozen)[6:] == ["frozen_feed"] * 4
    assert "frozen_feed" not in reasons(frozen)[:5]
    assert frozen[-1].signals["changed_share"] <= frozen[-1].thresholds["changed_share"]
    quick = after(known, [clock(still, i) for i in range(10)], every_s=0.1)
    assert "frozen_feed" not in reasons(quick), "less than two seconds are no standstill"


def test_identical_bytes_again_and_again_are_a_frozen_feed_and_name_the_frame():
    still = encoded(scene(0))
    verdicts, _ = judged([still] * 8)
    assert reasons(verdicts) == ["novel"] + ["identical_bytes"] * 4 + ["frozen_feed"] * 3
    assert verdicts[-1].nearest.frame_id == "f0"


def test_a_clip_that_comes_a_second_time_is_identical_and_not_frozen():
    clip = [encoded(scene(i)) for i in range(12)]
    verdicts, _ = judged(clip * 2)
    assert reasons(verdicts)[12:] == ["identical_bytes"] * 12


def test_video_whose_encoder_repeats_what_stands_still_is_never_frozen():
    still, pictures = scene(0), []
    for i in range(80):
        picture = still.copy()
        if i < 50:
            picture[100:200, 3 * i : 3 * i + 100] = 220
        pictures.append(clock(picture, i))
    assert "frozen_feed" not in reasons(judged(pictures)[0])


TAMPERED = [{"covered": True}, {"blur": 7.0}]


@pytest.mark.parametrize("fault", TAMPERED, ids=str)
def test_tampering_is_the_third_frame_in_a_row_and_ends_with_the_first_usual_one(known, fault):
    verdicts = after(known, [scene(900 + i, **fault) for i in range(5)] + [scene(910)])
    assert reasons(verdicts)[2:5] == ["tampered"] * 3
    assert "tampered" not in reasons(verdicts)[:2]
    assert verdicts[-1].reason in ("near_duplicate", "heartbeat")


def fading(*steps: float) -> list[np.ndarray]:
    return [scene(900 + i, light=light) for i, light in enumerate(steps)]


INNOCENT = {
    "a cut to another view": [scene(900 + i, view=3) for i in range(8)],
    "cuts between views": [scene(900 + i, view=3 + i) for i in range(8)],
    "a lamp goes off": fading(*[0.2] * 8),
    "a lamp goes on": fading(*[1.8] * 8),
    "clouds": fading(1.0, 0.7, 0.5, 0.7, 1.1, 0.6, 0.9),
    "night falls": fading(*np.geomspace(1.0, 0.02, 60)),
    "two covered frames": [scene(900, covered=True), scene(901, covered=True), scene(902)] * 3,
    "fog comes up": [scene(900 + i, fog=fog) for i, fog in enumerate(np.linspace(1.0, 0.1, 30))],
    "glare": fading(*[8.0] * 6),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_cuts_lamps_clouds_and_nightfall_are_no_tampering(known, name):
    assert "tampered" not in reasons(after(known, INNOCENT[name]))


def test_a_new_view_is_learnt_anew_after_half_an_hour_and_judged_again(known):
    minutes = RELEARN_MS // 60_000
    moved, state = judged((scene(900 + i, view=3) for i in range(minutes + 1)), state=known, first=WARM, every_s=60.0)
    assert not {"blurred", "obscured", "tampered"} & set(reasons(moved))
    assert not state.quality.references
    _, state = judged((scene(i, view=3) for i in range(WARM)), state=state, first=10_000)
    (blurred,), _ = judged([scene(7, view=3, blur=2.0)], state=state, first=20_000)
    assert blurred.reason == "blurred"


def test_a_covered_lens_gives_control_frames_and_no_heartbeat(known):
    lens = [scene(900 + i, covered=True) for i in range(60)]
    verdicts, state = judged(lens, policy(control_every_s=10.0), state=known, first=WARM)
    assert set(reasons(verdicts)[2:]) == {"tampered", "control"}
    control = [v for v in verdicts[2:] if v.reason == "control"]
    assert 4 <= len(control) <= 7
    assert {v.rules.reason for v in control} == {"tampered"}
    assert state.ring.count <= known.ring.count + 2, "only what came before it was sure"


def test_new_quantisation_tables_begin_the_focus_anew(known):
    coarse = [encoded(scene(900 + i), quality=40) for i in range(20)]
    verdicts = after(known, coarse)
    assert "blurred" not in reasons(verdicts)
    assert "focus" not in verdicts[0].signals
    assert "focus" in verdicts[-1].signals
    relearnt = ["focus_warm_up" in v.flags for v in verdicts]
    assert relearnt == ["focus" not in v.signals for v in verdicts]
    assert sum(relearnt) >= AC_WARM_UP_STEPS and relearnt == sorted(relearnt, reverse=True)
    assert not any("warm_up" in v.flags for v in verdicts), "all else is judged as before"


def test_the_quality_memory_is_restored_exactly(known):
    pictures = [scene(900 + i, light=0.25 if i % 3 else 1.0, covered=i % 7 == 0) for i in range(30)]
    log: dict[str, SelectorState] = {}
    before, state = None, known
    for index, picture in enumerate(pictures):
        for record in changes(before, state):
            log[record.key] = record
        _, state = judged([picture], state=state, first=WARM + index)
        before = before or known
        for record in changes(before, state):
            log[record.key] = record
        before = state
        again = restored(log.values())[0]["yard"]
        (next_, other) = (judged([scene(5000 + index)], state=s, first=9000 + index)[0][0] for s in (state, again))
        assert next_ == other
    assert set(state.quality.references) == {"day", "night"}
    assert (again.quality.feed, again.quality.vigil) == (state.quality.feed, state.quality.vigil)
    for mode, reference in state.quality.references.items():
        assert np.array_equal(again.quality.references[mode].gradient, reference.gradient)
        assert again.quality.references[mode].gradient.dtype == np.uint16


def test_a_dropped_reference_does_not_come_back_from_storage(known):
    log = {record.key: record for record in changes(None, known)}
    assert set(restored(log.values())[0]["yard"].quality.references) == {"day"}
    _, state = judged((scene(i, view=3) for i in range(31)), state=known, first=WARM, every_s=60.0)
    log |= {record.key: record for record in changes(known, state)}
    assert not restored(log.values())[0]["yard"].quality.references

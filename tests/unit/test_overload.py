"""Reduced effort: which frames are looked at, what becomes of the others, and when it is chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from tests.support.pictures import frame, picture

from selector.adapters.effort import Efforts
from selector.adapters.frames import extract_image, look
from selector.adapters.verdicts import States, judge, must_look
from selector.domain.effort import REMEMBERED, WARM_UP_FRAMES, Departure, Effort, departure, remember
from selector.domain.extraction import ExtractionLimits
from selector.domain.policy import PolicyInForce
from selector.domain.sampling import serves_control
from selector.domain.state import changes, restored
from winnow.clock import now, to_ms
from winnow.events import Frame, Outcome, SelectionPolicy, Source, Verdict

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
NEVER_S = 1e9
LIMITS = ExtractionLimits()


def policy(**fields) -> PolicyInForce:
    values = {"kept_per_hour": 1200.0, "burst": 10.0, "changed_at": BEGIN, "control_every_s": NEVER_S} | fields
    return PolicyInForce(SelectionPolicy(**values), 5, KEY, "camera/yard", KEY, 86_400.0, -1)


def judged(frames: list[Frame], states: States, effort=Effort.REDUCED, in_force=None) -> list[Verdict]:
    """As the loop does it: extracted ahead, looked at where it must be, judged in order."""
    goes_by = in_force or policy()
    verdicts = []
    for index, one in enumerate(frames):
        source = Source("frames", 0, index)
        ahead = extract_image(one, one.frame_id, one.image, LIMITS, effort)
        if must_look(ahead, source, one.captured_at, states, lambda _: goes_by):
            ahead = look(ahead, LIMITS)
        verdicts.append(judge(ahead, source, one.captured_at, states, lambda _: goes_by))
    return verdicts


def yard(indices, *, objects=0) -> list[Frame]:
    return [frame("yard", i, picture(i, objects), begin=BEGIN) for i in indices]


@pytest.fixture(scope="module")
def quiet() -> States:
    """A camera's state after a minute of nothing, judged with full effort."""
    states: States = {}
    judged(yard(range(REMEMBERED)), states, Effort.FULL)
    return states


def usual(count: int, first: int = 100) -> list[Frame]:
    """Frames of nothing new whose size is the median of those before: no size departs."""
    return [frame("yard", first + i, _middle() + (first + i).to_bytes(2, "big"), begin=BEGIN) for i in range(count)]


@cache
def _middle() -> bytes:
    sized = sorted((picture(seed) for seed in range(200, 231)), key=len)
    return sized[len(sized) // 2]


@pytest.mark.parametrize(
    ("sizes", "size", "expected"),
    [
        ((), 5, None),
        ((100,) * (WARM_UP_FRAMES - 1), 5, None),
        ((100,) * WARM_UP_FRAMES, 100, Departure(0, 0)),
        ((100,) * WARM_UP_FRAMES, 99, Departure(1, 0)),
        (tuple(range(100, 120)), 110, Departure(0, 9)),
        (tuple(range(119, 99, -1)), 130, Departure(20, 9)),
        ((100,) * 18 + (500, 900), 0, Departure(100, 400)),
    ],
)
def test_a_size_departs_from_the_median_of_those_before(sizes, size, expected):
    found = departure(sizes, size)
    assert found == expected
    assert found is None or found.large is (found.size_bytes > found.limit_bytes)


def test_the_last_sizes_are_remembered():
    sizes: tuple[int, ...] = ()
    for size in range(REMEMBERED + 7):
        sizes = remember(sizes, size)
    assert sizes == tuple(range(7, REMEMBERED + 7))


def test_frames_of_usual_size_are_not_looked_at_and_their_verdict_says_so(quiet):
    states = dict(quiet)
    before = states["yard"]
    found = judged(usual(20), states)
    assert {(v.outcome, v.reason, v.effort, v.signature) for v in found} == {
        (Outcome.REJECTED, "overload", "reduced", None)
    }
    assert all(v.signals["size_departure"] <= v.thresholds["size_departure"] for v in found)
    after = states["yard"]
    assert (after.frames, after.seen.count) == (before.frames + 20, before.seen.count + 20)
    assert (after.bucket, after.autopilot, after.noise, after.ring) == (
        before.bucket,
        before.autopilot,
        before.noise,
        before.ring,
    ), "what was not looked at decides nothing for later frames"


def test_what_comes_by_is_looked_at_and_kept(quiet):
    found = judged([*usual(5), *yard([106], objects=3), *usual(5, 107)], dict(quiet))
    assert [v.reason for v in found] == ["overload"] * 5 + ["novel"] + ["overload"] * 5
    novel = found[5]
    assert (novel.outcome, novel.effort) == (Outcome.KEPT, "reduced")
    assert novel.signature is not None
    assert novel.signals["size_departure"] > novel.thresholds["size_departure"]


def test_a_camera_that_begins_while_the_selector_lags_is_looked_at_first():
    found = judged(usual(WARM_UP_FRAMES + 5), {})
    assert [v.signature is not None for v in found] == [True] * WARM_UP_FRAMES + [False] * 5
    assert "size_departure" not in found[0].thresholds
    assert {v.effort for v in found} == {"reduced"}


def test_redelivered_and_identical_frames_are_recognised_without_a_look(quiet):
    states = dict(quiet)
    first = yard([0])[0]
    big = yard([300], objects=5)[0]
    judged([big], states)
    found = judged([first, replace(first, frame_id="again"), replace(big, frame_id="big again")], states)
    assert [v.reason for v in found] == ["redelivered", "identical_bytes", "identical_bytes"]
    assert [v.nearest.frame_id for v in found[1:]] == ["yard-0", "yard-300"]
    assert all(v.signature is None and v.effort == "reduced" for v in found)


def moments(in_force: PolicyInForce, indices: range) -> list[int]:
    """The frames, one a second, that serve a control slot."""
    every_s, at_ms = in_force.policy.control_every_s, to_ms(BEGIN)
    return [
        i
        for i in indices
        if serves_control(KEY, "yard", every_s, at_ms + (i - 1) * 1000, at_ms + i * 1000)
    ]  # fmt: skip


def test_a_control_frame_is_always_looked_at_and_kept(quiet):
    in_force = policy(control_every_s=10.0)
    states = dict(quiet)
    judged(usual(1, 99), states, in_force=in_force)
    found = judged(usual(60), states, in_force=in_force)
    due = moments(in_force, range(100, 160))
    assert len(due) in (6, 7, 5)
    assert [i for i, v in enumerate(found, 100) if "control" in v.flags] == due
    for verdict in found:
        control = "control" in verdict.flags
        assert (verdict.outcome is Outcome.KEPT, verdict.signature is not None) == (control, control)
    assert {v.signals["control_weight_s"] for v in found if "control" in v.flags} == {1.0}, (
        "its weight is the time since the frame before, which could have served too"
    )


def test_where_a_control_frame_is_unreadable_the_next_one_serves_its_slot(quiet):
    in_force = policy(control_every_s=10.0)
    states = dict(quiet)
    judged(usual(1, 99), states, in_force=in_force)
    frames = usual(60)
    due = moments(in_force, range(100, 160))[0] - 100
    frames[due] = replace(frames[due], image=b"GIF89a, and no picture")
    found = judged(frames[: due + 2], states, in_force=in_force)
    assert found[due].outcome is Outcome.UNREADABLE
    assert "control" in found[due + 1].flags and found[due + 1].outcome is Outcome.KEPT


def test_full_effort_looks_at_every_frame_again(quiet):
    states = dict(quiet)
    judged(usual(20), states)
    found = judged(usual(5, 130), states, Effort.FULL)
    assert {(v.reason, v.effort) for v in found} <= {("near_duplicate", "full"), ("heartbeat", "full")}
    assert all(v.signature is not None and "size_departure" not in v.signals for v in found)


def test_the_budget_is_what_it_is_without_the_frames_that_nobody_looked_at(quiet):
    with_gap, without = dict(quiet), dict(quiet)
    judged(usual(30), with_gap)
    (a,) = judged(yard([140], objects=2), with_gap, Effort.FULL)
    (b,) = judged(yard([140], objects=2), without, Effort.FULL)
    assert (a.reason, a.signals, a.thresholds) == (b.reason, b.signals, b.thresholds)


def test_restored_in_the_middle_the_verdicts_are_the_same(quiet):
    states = dict(quiet)
    frames = [*usual(10), *yard([111], objects=3), *usual(10, 112)]
    undisturbed = judged(frames, states)
    resumed: States = dict(quiet)
    again = judged(frames[:9], resumed)
    resumed, _ = restored(changes(None, resumed["yard"]))
    again += judged(frames[9:], resumed)
    assert resumed["yard"].sizes == states["yard"].sizes
    for one, other in zip(undisturbed, again, strict=True):
        assert replace(one, decided_at=BEGIN, source=other.source) == replace(other, decided_at=BEGIN)


def test_effort_is_reduced_from_the_limit_on_and_full_again_below_half_of_it():
    book = {
        "on": policy(overload=True, overload_after_s=60.0),
        "sooner": policy(overload=True, overload_after_s=10.0),
        "off": policy(),
    }
    efforts = Efforts(lambda camera_id: book[camera_id])
    chosen = {
        camera_id: [
            efforts.choose(camera_id, now() - timedelta(seconds=lag_s)).value for lag_s in (0, 59, 61, 59, 31, 29, 31)
        ]
        for camera_id in book
    }
    assert chosen == {
        "on": ["full", "full", "reduced", "reduced", "reduced", "full", "full"],
        "sooner": ["full"] + ["reduced"] * 6,
        "off": ["full"] * 7,
    }
    book["sooner"] = policy()
    assert efforts.choose("sooner", now() - timedelta(hours=1)) is Effort.FULL, "switched off, it is off at once"

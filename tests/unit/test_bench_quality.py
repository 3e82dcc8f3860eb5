"""`winnow bench quality`: its intervals, its sets, and a small run through the real decision."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from selector.domain.quality import feed, inspect, tamper
from winnow_cli.bench.quality import viewpoints
from winnow_cli.bench.quality.degrade import (
    Sensor,
    defocused,
    exposed,
    fogged,
    motion_blurred,
    shaken,
    with_object,
)
from winnow_cli.bench.quality.figures import Figure, Outcomes, auc, best_f1, f1, share
from winnow_cli.bench.quality.measured import tampering, visits
from winnow_cli.bench.quality.measured.defects import GOALS
from winnow_cli.bench.quality.measured.duplicates import GOAL, Duplicates
from winnow_cli.bench.quality.measured.frozen import FrozenFeeds
from winnow_cli.bench.quality.measured.ordinary import Ordinary
from winnow_cli.bench.quality.measured.section import Plan, Section
from winnow_cli.bench.quality.measured.tampering import Tampering
from winnow_cli.bench.quality.measured.visits import Visits
from winnow_cli.bench.quality.run import SECTIONS
from winnow_cli.bench.quality.sets.innocent import KINDS
from winnow_cli.bench.quality.sets.tampered import aimed
from winnow_cli.bench.quality.viewpoints import FOOTAGE, RENDERED, Recording, Viewpoint
from winnow_cli.commands.bench import QUALITY, app
from winnow_cli.failures import FAILED
from winnow_cli.offline.policy import policy_book

GREY = np.full((90, 160, 3), 128, np.uint8)


def outcomes(truth: list[bool], said: list[float]) -> Outcomes:
    return Outcomes.of([("c", true, score) for true, score in zip(truth, said, strict=True)])


def test_figures_and_their_intervals() -> None:
    none = share("alarms", [("a", False)] * 200, goal=0.0, at_most=True)
    assert none.value == 0 and none.low == 0 and none.high == pytest.approx(0.0188, abs=1e-4) and none.met
    half = auc("coin", outcomes([True, True, False, False], [1.0, 4.0, 2.0, 3.0]))
    assert half.value == 0.5 and half.low == 0.0 and half.high == 1.0
    perfect = auc("told", outcomes([True] * 3 + [False] * 3, [1, 2, 3, 4, 5, 6]), goal=0.99)
    assert perfect.value == 1.0 and perfect.met
    assert auc("ties", outcomes([True, False], [1, 1])).value == 0.5
    decided = f1("pairs", outcomes([True, True, False, False], [1, 0, 1, 0]), goal=0.99)
    assert decided.value == 0.5 and decided.met is False and decided.low <= 0.5 <= decided.high
    assert best_f1("pairs", outcomes([True, True, False, False], [1, 2, 3, 4])).value == 1.0


def test_no_interval_is_empty_and_none_is_wider_than_it_must_be() -> None:
    """At 1, Clopper and Pearson (1934) have .025^(1/n): Wilson's bound is about it."""
    exact = 0.025 ** (1 / 100)
    told = auc("told", outcomes([True] * 100 + [False] * 300, [0.0] * 100 + [1.0] * 300))
    assert (told.value, told.high) == (1.0, pytest.approx(1.0)) and told.low == pytest.approx(exact, abs=2e-3)
    assert auc("turned", outcomes([False] * 100 + [True] * 300, [0.0] * 100 + [1.0] * 300)).high < 0.05
    assert auc("one each", outcomes([True, False], [1, 1])).low < 0.2
    all_hit = f1("pairs", outcomes([True] * 100 + [False] * 100, [1.0] * 100 + [0.0] * 100))
    assert (all_hit.value, all_hit.high) == (1.0, pytest.approx(1.0))
    assert all_hit.low == pytest.approx(2 * exact / (1 + exact), abs=2e-3)
    assert share("all", [("c", True)] * 100).low == pytest.approx(exact, abs=2e-3)
    repeated = share("all", [("c", True)] * 900, independent=9)
    assert repeated.n == 9 and repeated.low == share("all", [("c", True)] * 9).low


def test_the_interval_of_f1_holds_as_often_as_it_says() -> None:
    chance = np.random.default_rng(4)
    truth, held = np.repeat((True, False), 200), 0
    for _ in range(300):
        said = np.where(chance.uniform(size=400) < 0.03, ~truth, truth)  # of 3 % errors: F1 .97
        figure = f1("", Outcomes(["c"] * 400, truth, said.astype(float)))
        held += figure.low <= 0.97 <= figure.high
    assert 0.91 <= held / 300 <= 0.985


def test_what_has_nothing_to_count_has_no_value_and_misses_its_goal() -> None:
    for figure in (
        share("none", [], goal=0.0, at_most=True),
        auc("one side", outcomes([True], [1.0]), goal=0.9),
        f1("no hits to be had", outcomes([False], [0.0]), goal=0.9),
    ):
        assert (figure.value, figure.low, figure.high, figure.met) == (None, 0.0, 1.0, False)
        assert not figure.by_camera or figure.name == "none"


def test_delong_holds_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        low, high = chance.normal(0, 1, 60), chance.normal(1.2, 1, 60)
        figure = auc("", outcomes([True] * 60 + [False] * 60, [*low, *high]))
        held += figure.low <= 0.8019 <= figure.high  # of two normals 1.2 deviations apart
    assert 0.91 <= held / 300 <= 0.985


def test_degradations_do_what_they_say() -> None:
    assert exposed(GREY, 1.0)[0, 0, 0] == 176 and exposed(GREY, -3.0)[0, 0, 0] == 46  # sRGB of twice and an eighth
    assert fogged(GREY, 1.0, 0.7)[0, 0, 0] == 128
    assert fogged(np.zeros_like(GREY), 0.5, 0.6)[0, 0, 0] == 149  # sRGB of .3
    line = np.zeros((61, 61, 3), np.uint8)
    line[:, 30] = 255
    assert (motion_blurred(line, 15, 0.0)[30, :, 0] > 20).sum() == pytest.approx(15, abs=2)
    assert (motion_blurred(line, 15, np.pi / 2)[30, :, 0] > 20).sum() == 1
    step = np.zeros((61, 61, 3), np.uint8)
    step[:, 30:] = 255
    assert np.array_equal(shaken(step, 1.0, 0.0)[5:-5, 9:-9], np.roll(step, 1, 1)[5:-5, 9:-9]) or np.array_equal(
        shaken(step, 1.0, 0.0)[5:-5, 9:-9], np.roll(step, -1, 1)[5:-5, 9:-9]
    )
    assert np.array_equal(shaken(step, 0.0, 0.0), step)
    assert defocused(step, 2.0)[30, 28, 0] > 0
    changed = with_object(GREY, np.random.default_rng(0), 0.01)
    assert (np.abs(changed.astype(int) - 128).max(axis=2) > 20).mean() == pytest.approx(0.01, rel=0.1)
    noisy = Sensor((90, 160), 1).expose(GREY)
    assert 1.5 < noisy.std() < 3.0 and abs(float(noisy.mean()) - 128) < 0.2
    assert Sensor((90, 160), 1).expose(GREY, gain=9).std() == pytest.approx(3 * noisy.std(), rel=0.15)
    assert cv2.Laplacian(defocused(noisy, 2.0), cv2.CV_64F).std() < cv2.Laplacian(noisy, cv2.CV_64F).std()


def small_camera(interpolation: int = cv2.INTER_CUBIC) -> Viewpoint:
    """A textured wall before which a box stands in every third run of pictures."""
    chance = np.random.default_rng(5)
    wall = cv2.resize(chance.integers(40, 200, (22, 30, 3), np.uint8), (320, 240), interpolation=interpolation)
    pictures, runs = [], ([(0, 1, 2), (6, 7, 8), (12, 13, 14)], [(3, 4, 5), (9, 10, 11)])
    for place in range(15):
        picture = wall.copy()
        if any(place in run for run in runs[1]):
            left = 90 * (place % 3)
            picture[60:150, left : left + 60] = (20, 40, 220)
        pictures.append(picture)
    return Viewpoint("wall", RENDERED, 85, tuple(pictures), tuple(runs[0]), tuple(runs[1]))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(1, 12, 2, None, policy_book(None))


def test_pairs_are_judged_as_the_selector_does_and_the_same_again(plan: Plan) -> None:
    runs = []
    for _ in range(2):
        section = Duplicates(plan)
        section.measure(small_camera())
        runs.append(list(section.figures()))
    assert repr(runs[0]) == repr(runs[1])
    by_name = {figure.name: figure for figure in runs[0]}
    assert by_name["all changes"].n == 7 * 12
    assert by_name["as it comes"].value > 0.8


# --- each section finds a planted fault -------------------------------------------------------------------------------


def measured(section: Section, view: Viewpoint | None = None) -> dict[str, Figure]:
    """By name; of a sharp camera with 60 pictures, more than the rules need to know it."""
    camera = small_camera(cv2.INTER_NEAREST)
    section.measure(view or replace(camera, pictures=camera.pictures * 4))
    return {figure.name: figure for figure in section.figures()}


def test_every_section_can_be_asked_for_and_the_goals_are_those_stated() -> None:
    assert tuple(SECTIONS) == QUALITY
    assert GOAL == 0.99
    assert GOALS == {
        ("day", "defocus"): 0.995,
        ("day", "motion"): 0.995,
        ("clock", "defocus"): 0.985,
        ("clock", "motion"): 0.985,
        ("day", "fog"): 0.96,
        ("day", "darker"): 0.97,
        ("day", "brighter"): 0.97,
    }


SAME_BYTES, UNDER_A_CLOCK = (
    f"frozen, {kind}: recognised within 10 frames" for kind in ("the same bytes", "encoded again under a ticking clock")
)
STILL = "still scenes under a ticking clock called frozen"


def test_feeds_that_freeze_are_told_and_rules_that_miss_them_are_found(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(FrozenFeeds(plan))
    assert found[SAME_BYTES].value == found[UNDER_A_CLOCK].value == 1.0 and found[STILL].met
    monkeypatch.setattr(feed, "REPEATS", 11)
    late = measured(FrozenFeeds(plan))
    assert late[SAME_BYTES].value == late[UNDER_A_CLOCK].value == 0.0 and late[SAME_BYTES].met is False


def test_rules_that_call_a_still_scene_frozen_are_found(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FEWER", 0.5)
    assert measured(FrozenFeeds(plan))[STILL].met is False


INNOCENT, COVERED = "innocent events called tampered", "covered: found within 5 frames"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other places in a small size: they are rendered."""
    monkeypatch.setattr(tampering, "OTHER_SIZE", (320, 240))


@pytest.mark.usefixtures("elsewhere")
def test_covered_cameras_are_told_and_rules_that_miss_them_are_found(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(Tampering(plan))
    assert found[COVERED].value == 1.0 and found[INNOCENT].n == len(KINDS) * 2
    monkeypatch.setattr(inspect, "FRAMES", 99)
    assert measured(Tampering(plan))[COVERED].met is False


@pytest.mark.usefixtures("elsewhere")
def test_rules_that_take_a_night_for_tampering_are_found(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("NOTHING_SHARP", "COVERED_PATTERN"):
        monkeypatch.setattr(tamper, limit, 9.0)
    assert measured(Tampering(plan))[INNOCENT].met is False


def test_a_camera_that_is_moved_sees_what_lies_beside_what_it_saw() -> None:
    chance = np.random.default_rng(1)
    picture = cv2.resize(chance.integers(0, 255, (36, 64, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(aimed(picture), picture[135:, :400])
    assert np.array_equal(aimed(picture, right=0.6), picture[135:, 240:])
    assert np.array_equal(aimed(picture, up=0.6), picture[:225, :400])


EVENTS = "events with a kept frame"


def test_visits_that_the_budget_misses_are_found(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A video of a wall before which a box stands twice; the list names a third time, when nothing does."""
    camera, sensor = small_camera(), Sensor((240, 320), 1)
    recording = Recording("wall", "wall.mp4", 160, 5.0, 85, ((60, 79), (120, 139)))
    (tmp_path / "footage").mkdir()
    with av.open(str(tmp_path / "footage" / "wall.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5, width=320, height=240, pix_fmt="yuv420p", bit_rate=4_000_000)
        for number in range(recording.frames):
            shown = camera.pictures[3 if 60 <= number < 80 else 10 if 120 <= number < 140 else 0]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(sensor.expose(shown), format="bgr24")))
        container.mux(stream.encode())
    asked = replace(plan, data=tmp_path)
    wall = replace(camera, name="wall", origin=FOOTAGE)
    monkeypatch.setattr(visits, "RECORDINGS", (recording,))
    found = measured(Visits(asked), wall)[EVENTS]
    assert found.value == 1.0 and found.n == 2
    missing = replace(recording, events=(*(recording.events or ()), (85, 110)))
    monkeypatch.setattr(visits, "RECORDINGS", (missing,))
    assert measured(Visits(asked), wall)[EVENTS].value == pytest.approx(2 / 3, abs=0.12)
    monkeypatch.setattr(viewpoints, "RECORDINGS", (missing,))
    monkeypatch.setattr(viewpoints, "SCENES", {})
    command = CliRunner().invoke(app, ["quality", "--only", "visits", "--data", str(tmp_path), "--json"])
    assert command.exit_code == FAILED
    answer = json.loads(command.stdout.splitlines()[-1])
    assert answer["footage"] and [row["met"] for row in answer["figures"]] == [False, None]


def test_frames_at_even_intervals_catch_an_event_as_often_as_it_is_long() -> None:
    assert visits._caught_evenly((0, 49), range(100), 1) == 0.5
    assert visits._caught_evenly((10, 19), range(100), 10) == 1.0
    assert visits._caught_evenly((10, 14), range(100), 10) == 0.5


def test_rules_that_reject_ordinary_frames_are_found(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ordinary frames rejected for quality"
    assert measured(Ordinary(plan))["a day of slow light and a night: rejected for quality"].value == 0.0
    monkeypatch.setattr(inspect, "BLURRED", inspect.Limit(margin=-9, floor=9, ceiling=9))
    found = measured(Ordinary(plan))
    assert found[name].met is False and found[name].value > 0.5 and found["ordinary frames called blurred"].value > 0.5

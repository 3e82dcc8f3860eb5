"""`winnow bench quality`: its intervals, its sets, and a small run through the real decision."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from winnow_cli.bench.quality.degrade import (
    Sensor,
    defocused,
    exposed,
    fogged,
    motion_blurred,
    shaken,
    with_object,
)
from winnow_cli.bench.quality.figures import Outcomes, auc, best_f1, f1, share
from winnow_cli.bench.quality.measured.duplicates import Duplicates
from winnow_cli.bench.quality.measured.section import Plan
from winnow_cli.bench.quality.viewpoints import RENDERED, Viewpoint
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


def small_camera() -> Viewpoint:
    """A textured wall before which a box stands in every third run of pictures."""
    chance = np.random.default_rng(5)
    wall = cv2.resize(chance.integers(40, 200, (30, 40, 3), np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)
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

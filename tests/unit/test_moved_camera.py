"""A camera that was moved, and two hundred cuts to other views that are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.support.camera import SIZE, WARM, encoded, ground, judged, noisy, policy, reasons

from selector.domain.masks import visible_of
from selector.domain.quality.tamper import FRAMES, RELEARN_MS
from selector.domain.state import CameraState, changes, restored
from winnow_scenes.scene import Scene

WIDE = (SIZE[0] * 2, SIZE[1] * 2)
Picture = np.ndarray


def window(
    seed: int, x: float = 0.0, y: float = 0.0, *, turn: float = 0.0, zoom: float = 1.0, view: int = 1
) -> Picture:
    """What a camera sees of a wide scene that points to `x`, `y` of its picture beside where it did."""
    middle = ((1 + x) * SIZE[0], (1 + y) * SIZE[1])
    matrix = cv2.getRotationMatrix2D(middle, turn, zoom)
    matrix[:, 2] += np.array(SIZE) / 2 - middle
    return noisy(cv2.warpAffine(ground(view, WIDE), matrix, SIZE, flags=cv2.INTER_LINEAR), seed)


@pytest.fixture(scope="module")
def known() -> CameraState:
    verdicts, state = judged(window(i) for i in range(WARM))
    assert {v.reason for v in verdicts} <= {"novel", "near_duplicate", "heartbeat"}
    return state


MOVES = [
    {"x": 0.1}, {"x": -0.15}, {"y": 0.12}, {"y": -0.2}, {"x": 0.2, "y": -0.1}, {"x": -0.25, "y": 0.1}, {"x": 0.3},
    {"x": 0.12, "turn": 2.0}, {"y": -0.1, "turn": -2.0}, {"x": 0.1, "y": 0.07, "zoom": 1.02},
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_a_moved_camera_is_tampered_with_from_the_third_frame_on_and_the_verdict_says_by_how_much(known, move):
    verdicts, _ = judged([window(900 + i, **move) for i in range(6)], state=known, first=WARM)
    assert "tampered" not in reasons(verdicts)[: FRAMES - 1]
    assert reasons(verdicts)[FRAMES - 1 :] == ["tampered"] * (7 - FRAMES)
    signals = verdicts[-1].signals
    assert signals["moved_x"] == pytest.approx(-move.get("x", 0.0), abs=0.04), "what it shows goes the other way"
    assert signals["moved_y"] == pytest.approx(-move.get("y", 0.0), abs=0.05)


def test_a_camera_that_comes_back_is_usual_again(known):
    there, back = [window(900 + i, 0.2) for i in range(5)], [window(910 + i) for i in range(4)]
    verdicts, _ = judged(there + back, state=known, first=WARM)
    assert reasons(verdicts)[2:5] == ["tampered"] * 3
    assert "tampered" not in reasons(verdicts)[5:]


def test_a_slow_turn_is_followed_and_something_before_a_moved_camera_does_not_end_it(known):
    turn = [window(900 + i, 0.04 * i) for i in range(7)]
    stopped = [window(920 + i, 0.24) for i in range(4)]
    again = [window(930 + i, 0.24) for i in range(4)]
    passing = [noisy(ground(5), 940)]
    verdicts, _ = judged(turn + stopped + passing + again, state=known, first=WARM)
    assert "tampered" not in reasons(verdicts)[:4]
    assert reasons(verdicts)[9:11] + reasons(verdicts)[12:] == ["tampered"] * 6


def test_two_moved_frames_in_a_row_are_a_shake(known):
    shakes = [window(900 + i, 0.2 if i % 3 else 0.0) for i in range(12)]
    assert "tampered" not in reasons(judged(shakes, state=known, first=WARM)[0])


def test_three_frames_at_three_places_are_no_camera_that_was_moved(known):
    pictures = [window(900 + i, x, y) for i, (x, y) in enumerate([(0.2, 0.0), (-0.2, 0.0), (0.0, 0.2)] * 3)]
    assert "tampered" not in reasons(judged(pictures, state=known, first=WARM)[0])


def test_a_moved_camera_is_learnt_anew_after_half_an_hour(known):
    minutes = RELEARN_MS // 60_000
    moved, state = judged((window(900 + i, 0.2) for i in range(minutes + 1)), state=known, first=WARM, every_s=60.0)
    assert set(reasons(moved)[2:]) == {"tampered"}
    verdicts, _ = judged((window(i, 0.2) for i in range(8)), state=state, first=10_000)
    assert "tampered" not in reasons(verdicts)
    assert all("warm_up" in v.flags for v in verdicts)


def test_it_is_found_behind_masks(known):
    masked = policy(visible_of(((0.0, 0.0, 0.4, 0.0, 0.4, 0.25, 0.0, 0.25),)))
    _, state = judged((window(i) for i in range(WARM)), masked)
    verdicts, _ = judged([window(900 + i, 0.15) for i in range(4)], masked, state, first=WARM)
    assert reasons(verdicts)[2:] == ["tampered"] * 2


def test_suspicion_of_a_move_is_restored_exactly(known):
    _, state = judged([window(900 + i, 0.2) for i in range(2)], state=known, first=WARM)
    again = restored(changes(None, state))[0]["yard"]
    assert again.quality.vigil == state.quality.vigil
    ((third,), _), ((other,), _) = (judged([window(950, 0.2)], state=one, first=WARM + 2) for one in (state, again))
    assert third.reason == "tampered" and third == other


def shelves(period: int, height: int, seed: int) -> Picture:
    """A self-similar scene: boards with the same box again and again, printed all over."""
    chance = np.random.default_rng(seed)
    print_ = cv2.GaussianBlur(chance.normal(0, 25, (SIZE[1], SIZE[0], 1)).astype(np.float32), (0, 0), 0.7)[..., None]
    image = np.full((SIZE[1], SIZE[0], 3), 90.0, np.float32)
    colours = chance.uniform(30, 220, (3, 3))
    for y in range(0, SIZE[1], height):
        image[y : y + 5] = 30.0
        for x in range(int(chance.integers(period)), SIZE[0], period):
            image[y + height // 3 : y + height, x : x + period // 2] = colours[x // period % 3]
    return image + print_


def views() -> list[list[bytes]]:
    """Six pictures of each of some views: cluttered, self-similar and rendered."""
    grounds = [ground(view) for view in range(2, 8)]
    alike = [shelves(period, height, period) for period, height in ((24, 60), (40, 60), (64, 90), (90, 120), (48, 36))]
    scenes = [Scene(kind, 1, *SIZE, view=view).frame(0)[0] for kind in ("yard", "conveyor") for view in (0, 1)]
    return [[encoded(noisy(view, 6 * n + i)) for i in range(6)] for n, view in enumerate(grounds + alike + scenes)]


def test_of_two_hundred_cuts_to_other_views_none_is_tampering():
    everything, cuts, closest = views(), 0, 0.0
    for own, view in enumerate(everything):
        _, state = judged(noisy(cv2.imdecode(np.frombuffer(view[0], np.uint8), 1), i) for i in range(34))
        assert state.quality.references["day"].warm
        for other in (*everything[:own], *everything[own + 1 :]):
            verdicts, _ = judged(other[:4], state=state, first=WARM)
            assert "tampered" not in reasons(verdicts)
            closest = max([closest, *(v.signals.get("moved_match", 0.0) for v in verdicts)])
            cuts += 1
    assert cuts >= 200
    assert closest < 0.7, "a margin below the threshold of .8"

"""Rendered scenes: the same from the same parameters, the truth where it says, episodes with their effect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from winnow_scenes.episodes import EPISODES, Episode, parse_episodes
from winnow_scenes.scene import Scene, encoded

KINDS = ("conveyor", "yard")
SMALL = {"width": 480, "height": 270}
BUSY = {**SMALL, "visits_per_minute": 6.0}
FRAMES = 400


def indices(scene: Scene, *, busy: bool) -> list[int]:
    """Frames of the first 80 s with something in the middle of the picture, or with nothing at all."""
    found = []
    for index in range(0, FRAMES, 3):
        objects = scene.truth(index).objects
        middle = [o for o in objects if o.box[0] > 20 and o.box[2] < scene.width - 20]
        if middle if busy else not objects:
            found.append(index)
    return found


def smooth(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture.astype(np.float32).mean(axis=2), (0, 0), 4)


def sharpness(picture: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.GaussianBlur(picture, (0, 0), 1.2).mean(axis=2), cv2.CV_64F).var())


@pytest.mark.parametrize("kind", KINDS)
def test_same_parameters_give_the_same_pixels_and_truth_in_any_order(kind: str) -> None:
    first, second = Scene(kind, 5, **BUSY), Scene(kind, 5, **BUSY)
    wanted = [first.frame(index) for index in (0, 60, 200)]
    again = [second.frame(index) for index in (200, 0, 60)]
    for (picture, truth), (other, known) in zip(wanted, [again[1], again[2], again[0]], strict=True):
        assert np.array_equal(picture, other)
        assert truth == known


def test_another_seed_gives_another_scene() -> None:
    scenes = [Scene("yard", seed, **BUSY) for seed in (1, 2)]
    truths = [[scene.truth(i).objects for i in range(0, FRAMES, 10)] for scene in scenes]
    assert truths[0] != truths[1]


@pytest.mark.parametrize("kind", KINDS)
def test_truth_boxes_hold_what_changed_and_nothing_else_changed_much(kind: str) -> None:
    scene = Scene(kind, 3, **BUSY)
    idle = indices(scene, busy=False)
    for index in indices(scene, busy=True)[:6]:
        picture, truth = scene.frame(index)
        empty = scene.frame(min(idle, key=lambda i: abs(i - index)))[0]
        changed = np.abs(smooth(picture) - smooth(empty)) > 8
        inside = np.zeros(changed.shape, bool)
        around = np.zeros(changed.shape, bool)
        for o in truth.objects:
            x0, y0, x1, y1 = (round(edge) for edge in o.box)
            assert changed[y0:y1, x0:x1].mean() > 0.10, (index, o)
            inside[y0:y1, x0:x1] = True
            # Shadows fall outside the box.
            margin = max(x1 - x0, y1 - y0)
            around[max(y0 - 12, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin] = True
        assert changed[~around].mean() < 0.01
        assert changed[inside].mean() > 4 * changed[~inside].mean()


@pytest.mark.parametrize("kind", KINDS)
def test_idle_frames_differ_by_noise_alone_and_noise_is_new_in_every_frame(kind: str) -> None:
    scene = Scene(kind, 4, **SMALL)
    idle = [i for i in indices(scene, busy=False) if i < 100]
    a, b, c = (scene.frame(index)[0].astype(np.float32) for index in idle[:3])
    assert np.abs(smooth(a) - smooth(b)).max() < 3
    assert 1.0 < (a - b).std() / np.sqrt(2) < 6
    one, two = (a - b).ravel(), (b - c).ravel()
    # Independent fields share only b: correlation -1/2, neither 0 (static) nor -1 (alternating).
    assert -0.6 < np.corrcoef(one, two)[0, 1] < -0.4


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_minute_has_visits_with_idle_time_between(kind: str) -> None:
    visits, idle = [], 0
    for seed in range(4):
        scene = Scene(kind, seed, **SMALL, visits_per_minute=5.0)
        truths = [scene.truth(index) for index in range(0, 300, 2)]
        visits.append(len({o.visit for truth in truths for o in truth.objects}))
        idle += sum(not truth.objects for truth in truths)
        assert {o.label for truth in truths for o in truth.objects} <= set(scene.classes)
    assert min(visits) >= 3
    assert max(visits) <= 6
    assert idle / (4 * 150) > 0.35


def test_two_views_see_the_same_visits() -> None:
    seen = []
    for view in (0, 1):
        scene = Scene("yard", 9, **BUSY, view=view)
        seen.append({(o.visit, o.label) for i in range(0, FRAMES, 2) for o in scene.truth(i).objects})
    assert seen[0] == seen[1]
    assert len(seen[0]) >= 5
    a, b = (Scene("yard", 9, **SMALL, view=view).frame(0)[0] for view in (0, 1))
    assert np.abs(smooth(a) - smooth(b)).mean() > 10


def with_episode(name: str, index: int = 100, kind: str = "yard") -> tuple[np.ndarray, np.ndarray]:
    """Frame `index` of a scene as it is, and in the middle of the episode."""
    plain = Scene(kind, 3, **SMALL)
    struck = Scene(kind, 3, **SMALL, episodes=[Episode(name, 10, 30)])
    assert name in struck.truth(index).episodes
    assert struck.truth(10).episodes == ()
    assert np.array_equal(plain.frame(10)[0], struck.frame(10)[0])
    return plain.frame(index)[0], struck.frame(index)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_episodes_have_their_effect(kind: str) -> None:
    plain, defocused = with_episode("defocus", kind=kind)
    assert sharpness(defocused) < 0.2 * sharpness(plain)
    plain, fog = with_episode("fog", kind=kind)
    assert smooth(fog).std() < 0.75 * smooth(plain).std()
    plain, night = with_episode("night", kind=kind)
    assert night.mean() < 0.5 * plain.mean()
    plain, covered = with_episode("covered", kind=kind)
    assert covered.mean() < 45
    plain, moved = with_episode("moved", kind=kind)
    assert np.abs(smooth(plain) - smooth(moved)).mean() > 8


def test_a_frozen_feed_repeats_the_same_bytes_and_the_truth_of_its_picture() -> None:
    scene = Scene("yard", 3, **BUSY, episodes=[Episode("frozen", 10, 20)])
    frozen = [scene.frame(index) for index in (49, 50, 75, 99)]
    assert len({encoded(picture) for picture, _ in frozen}) == 1
    assert len({truth.objects for _, truth in frozen}) == 1
    assert [truth.index for _, truth in frozen] == [49, 50, 75, 99]
    assert encoded(scene.frame(100)[0]) != encoded(frozen[0][0])


def test_a_covered_lens_shows_no_object() -> None:
    plain = Scene("yard", 3, **BUSY)
    busy = indices(plain, busy=True)[0]
    covered = Scene("yard", 3, **BUSY, episodes=[Episode("covered", 0, 1000)])
    assert covered.frame(busy)[1].objects == ()


def test_episodes_are_read_from_text_and_refused_where_wrong() -> None:
    assert parse_episodes("fog:20-35,frozen:50-60") == (Episode("fog", 20, 35), Episode("frozen", 50, 60))
    for wrong in ("mist:1-2", "fog:5-2", "fog", "fog:a-b"):
        with pytest.raises(ValueError, match="episode"):
            parse_episodes(wrong)
    assert len(EPISODES) == 6


def test_there_is_no_such_scene_or_view() -> None:
    with pytest.raises(ValueError, match="conveyor, yard"):
        Scene("harbour", 1)
    with pytest.raises(ValueError, match="views 0 to 1"):
        Scene("yard", 1, view=2)


def test_the_player_writes_truth_for_every_frame(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    arguments = ["yard", "--frames", "6", "--width", "320", "--height", "180", "--truth", str(truth)]
    subprocess.run([sys.executable, "-m", "winnow_scenes.player", *arguments], check=True, capture_output=True)
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(6))
    assert lines[5]["t_s"] == pytest.approx(1.0)
    assert set(lines[0]) == {"index", "t_s", "objects", "episodes"}

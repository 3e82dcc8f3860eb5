"""Ignore masks: which cells they take, and that nothing under them decides anything."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.camera import KEY, judged, policy, scene

from selector.domain.masks import EVERYTHING, hidden, visible_of
from selector.domain.policy import PolicyBook
from winnow.clock import EPOCH
from winnow.events import Camera, SelectionPolicy


def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, ...]:
    return (x0, y0, x1, y0, x1, y1, x0, y1)


@pytest.mark.parametrize(
    ("polygons", "cells", "tiles"),
    [
        ((), 0, 0),
        ((box(0, 0, 1, 1),), 1200, 300),
        ((box(0, 0, 1 / 40, 1 / 30),), 1, 1),
        ((box(2 / 40, 2 / 30, 4 / 40, 4 / 30),), 4, 1),
        ((box(1 / 40, 1 / 30, 3 / 40, 3 / 30),), 4, 4),
        ((box(0, 0, 0.5, 1), box(0.5, 0, 1, 1)), 1200, 300),
        ((box(0.5 / 40, 0.5 / 30, 0.52 / 40, 0.52 / 30),), 0, 0),
        ((box(0.3 / 40, 0.3 / 30, 0.5 / 40, 0.5 / 30),), 1, 1),
        (((0.0, 0.0, 1.0, 0.0, 0.0, 1.0),), 630, 165),
    ],
    ids=["none", "all", "a cell", "a tile", "across tiles", "two", "between the points", "small", "half"],
)
def test_cells_that_a_polygon_covers_are_ignored_and_tiles_with_such_a_cell(polygons, cells, tiles):
    visible = visible_of(polygons)
    assert ((~visible.luma).sum(), (~visible.detail).sum()) == (cells, tiles)
    assert visible.everything == (not cells)
    assert not visible.luma.flags.writeable


def test_a_ring_has_its_hole():
    outer, inner = box(0, 0, 1, 1), box(0.25, 0.25, 0.75, 0.75)
    visible = visible_of((outer + outer[:2] + inner + inner[:2] + outer[:2],))
    assert visible.luma[15, 20] and not visible.luma[2, 2]


def test_what_is_hidden_has_the_mean_of_the_rest():
    luma = np.full((30, 40), 90, np.uint8)
    luma[:15] = 200
    visible = visible_of((box(0, 0, 1, 0.5),))
    assert (hidden(luma, visible) == 90).all()
    assert hidden(luma, EVERYTHING) is luma
    assert hidden(luma, visible_of((box(0, 0, 1, 1),))) is luma


def test_a_camera_is_judged_by_its_own_masks_of_its_version():
    book = PolicyBook()
    book.set_policy("default", 0, SelectionPolicy(60.0, 5.0, EPOCH, sampling_key=KEY))
    assert book.in_force("yard").visible is EVERYTHING
    book.set_camera(7, Camera("yard", EPOCH, masks=(box(0, 0, 1, 0.5),)))
    masked = book.in_force("yard")
    assert (masked.camera_version, masked.visible.luma.sum()) == (7, 600)
    book.set_policy("default", 1, SelectionPolicy(30.0, 5.0, EPOCH, sampling_key=KEY))
    assert book.in_force("yard").visible is masked.visible, "nothing is drawn anew for a policy"
    book.remove_camera("yard")
    assert book.in_force("yard").visible is EVERYTHING


SIGN = visible_of((box(0.5, 0.5, 0.9, 0.9),))


def blinking(count: int, **changes: float) -> list[np.ndarray]:
    """A sign that is another in every picture, in the lower right."""
    pictures = []
    for index in range(count):
        image = scene(index, **changes)
        image[200:300, 260:400] = (index * 77) % 200 + 30
        pictures.append(image)
    return pictures


def test_what_changes_under_a_mask_is_never_new():
    seen, _ = judged(blinking(50))
    masked, _ = judged(blinking(50), policy(visible=SIGN, heartbeat_share=0.0))
    assert sum(v.reason != "near_duplicate" for v in seen) > 15
    assert {v.reason for v in masked[1:]} == {"near_duplicate"}
    assert max(v.signals["cosine"] for v in masked[1:]) < 0.02
    assert max(v.signals["residual"] for v in masked[1:]) < 6


def test_exposure_is_of_what_is_seen():
    bright = [scene(index) for index in range(3)]
    for image in bright:
        image[:180] = 255
    (verdict, *_), _ = judged(bright, policy(visible=visible_of((box(0, 0, 1, 0.5),))))
    assert verdict.signals["saturated_share"] < 0.01
    (unmasked, *_), _ = judged(bright)
    assert unmasked.signals["saturated_share"] == pytest.approx(0.5, abs=0.05)


def test_a_mask_that_comes_later_leaves_the_kept_frames_usable():
    verdicts, state = judged(blinking(20))
    after, state = judged(blinking(23)[20:], policy(visible=SIGN), state=state, first=20)
    assert [v.reason for v in after] == ["near_duplicate"] * 3
    assert state.ring.count == sum(v.reason in ("novel", "heartbeat") for v in verdicts)


def test_a_camera_that_is_masked_whole_is_judged_without_an_error():
    verdicts, _ = judged([scene(i) for i in range(40)], policy(visible=visible_of((box(0, 0, 1, 1),))))
    assert {v.reason for v in verdicts} <= {"novel", "near_duplicate", "heartbeat"}

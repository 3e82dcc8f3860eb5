"""The grid fit undoes what a camera does to an unchanged scene and leaves what is new in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from selector.domain.fit import fit_grids
from selector.domain.noise import (
    WARM_UP_FRAMES,
    NoiseFloor,
    near_duplicate_thresholds,
    update_noise_floor,
)


def _scene(shift_x: float = 0.0, shift_y: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[0:30, 0:40].astype(float)
    x, y = x + shift_x, y + shift_y
    return 110 + 40 * np.sin(x / 4) + 30 * np.cos(y / 5 + 1) + 10 * np.sin((x + y) / 3)


def _grid(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


REFERENCE = _grid(_scene())


def test_a_grid_fits_itself() -> None:
    fit = fit_grids(REFERENCE, REFERENCE)
    assert fit.cell_residual < 0.2
    assert fit.gain == pytest.approx(1.0, abs=0.001)
    assert (fit.shift_x, fit.shift_y) == pytest.approx((0.0, 0.0), abs=0.001)


@pytest.mark.parametrize("gain", [0.7, 0.85, 1.2, 1.4])
@pytest.mark.parametrize("offset", [-15.0, 0.0, 20.0])
def test_exposure_is_undone_and_named(gain: float, offset: float) -> None:
    fit = fit_grids(_grid(gain * _scene() + offset), REFERENCE)
    assert fit.block_residual < 1.0
    assert fit.gain == pytest.approx(gain, abs=0.01)
    assert fit.offset == pytest.approx(offset, abs=1.5)


@pytest.mark.parametrize(("shift_x", "shift_y"), [(0.3, 0.0), (0.0, -0.3), (0.25, 0.25)])
def test_a_shift_of_less_than_half_a_cell_is_undone_and_named(shift_x: float, shift_y: float) -> None:
    shifted = _grid(_scene(shift_x, shift_y))
    fit = fit_grids(shifted, REFERENCE)
    unexplained = np.abs(shifted.astype(int) - REFERENCE).max()
    assert fit.block_residual < 1.5 < unexplained
    assert (fit.shift_x, fit.shift_y) == pytest.approx((shift_x, shift_y), abs=0.03)


def test_an_object_is_what_is_left_over_under_other_exposure_and_shake() -> None:
    current = 0.8 * _scene(0.2, -0.1)
    current[10:13, 20:23] += 35
    fit = fit_grids(_grid(current), REFERENCE)
    assert 28 < fit.block_residual < 40
    assert fit.gain == pytest.approx(0.8, abs=0.02)


def test_a_tenth_of_the_picture_is_an_outlier_to_the_fit() -> None:
    current = _scene()
    current[:10, :12] = 250
    fit = fit_grids(_grid(current), REFERENCE)
    assert fit.block_residual > 80
    assert fit.gain == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("level", [0, 4, 60, 128, 255])
def test_a_covered_lens_is_not_explained_away_by_a_small_gain(level: int) -> None:
    flat = np.full((30, 40), level, np.uint8)
    assert fit_grids(flat, REFERENCE).block_residual > 20
    assert fit_grids(REFERENCE, flat).block_residual > 20


def test_flat_and_dark_scenes_have_a_fit() -> None:
    for level in (0, 1, 90, 255):
        flat = np.full((30, 40), level, np.uint8)
        assert fit_grids(flat, flat).cell_residual == 0.0
    brighter = fit_grids(np.full((30, 40), 120, np.uint8), np.full((30, 40), 90, np.uint8))
    assert brighter.block_residual < 0.5
    rng = np.random.default_rng(1)
    dark = [_grid(rng.normal(4, 0.5, (30, 40))) for _ in range(2)]
    assert fit_grids(*dark).block_residual < 3


def test_an_object_on_a_flat_scene_is_left_over() -> None:
    current = np.full((30, 40), 90, np.uint8)
    current[5:7, 5:7] = 130
    fit = fit_grids(current, np.full((30, 40), 90, np.uint8))
    assert fit.block_residual == pytest.approx(40, abs=1)


def test_saturation_hides_exposure_but_not_an_object() -> None:
    bright, brighter = _grid(_scene() + 110), _grid(1.2 * (_scene() + 110))
    assert (brighter == 255).mean() > 0.3
    assert fit_grids(brighter, bright).block_residual < 3
    with_object = brighter.copy()
    with_object[12:14, 12:14] = 150
    assert fit_grids(with_object, bright).block_residual > 45  # beside what it was; the largest threshold is 16


def test_a_bright_colour_that_clips_follows_the_light_by_less_and_is_nothing_new() -> None:
    reference = _grid(0.5 * _scene() + 20)
    reference[8:12, 8:14] = 195
    current = _grid(1.3 * (0.5 * _scene() + 20))
    current[8:12, 8:14] = 225  # a sign whose red is at its end: 254 were expected of a grey one
    assert fit_grids(current, reference).block_residual < 3
    current[8:12, 8:14] = 170  # darker than without more light: something stands before it
    assert fit_grids(current, reference).block_residual > 20


def test_noise_that_is_clipped_at_black_is_nothing_new() -> None:
    reference = _grid(_scene())
    reference[5:12, 20:30] = 3
    current = reference.copy()
    current[5:12, 20:30] = 11
    assert fit_grids(current, reference).block_residual < 2
    current[5:12, 20:30] = 40
    assert fit_grids(current, reference).block_residual > 25


def test_a_plain_difference_that_is_small_enough_is_not_fitted() -> None:
    brighter = REFERENCE + np.uint8(2)
    assert fit_grids(brighter, REFERENCE, enough=2.5) == (2.0, 2.0, 1.0, 0.0, 0.0, 0.0)
    assert fit_grids(brighter, REFERENCE, enough=1.5).block_residual < 0.5


@settings(max_examples=200, deadline=None)
@given(arrays(np.uint8, (30, 40)), arrays(np.uint8, (30, 40)))
def test_any_two_grids_have_a_finite_fit_within_its_bounds(current: np.ndarray, reference: np.ndarray) -> None:
    fit = fit_grids(current, reference)
    assert np.isfinite(fit).all()
    assert 0 <= fit.block_residual <= fit.cell_residual
    assert 0.4 <= fit.gain <= 2.5
    assert max(abs(fit.shift_x), abs(fit.shift_y)) <= 0.5 + 1e-9
    assert fit == fit_grids(current, reference)


def _floor(residuals: np.ndarray) -> NoiseFloor:
    floor = NoiseFloor()
    for residual in residuals:
        floor = update_noise_floor(floor, residual=float(residual), cosine=float(residual) / 1000)
    return floor


def test_the_noise_floor_finds_the_low_quantile_in_spite_of_motion() -> None:
    rng = np.random.default_rng(2)
    residuals = rng.uniform(2.0, 4.0, 4000)
    residuals[rng.random(4000) < 0.3] = 120.0
    floor = _floor(residuals)
    assert floor.residual == pytest.approx(np.quantile(residuals, 0.1), rel=0.1)
    assert floor.cosine == pytest.approx(np.quantile(residuals, 0.1) / 1000, rel=0.1)


def test_a_noisier_camera_gets_wider_thresholds_within_bounds() -> None:
    quiet, middling, loud = (near_duplicate_thresholds(_floor(np.full(500, x))) for x in (0.5, 3.5, 60.0))
    assert quiet.residual < middling.residual < loud.residual
    assert (quiet.residual, loud.residual) == (8.0, 16.0)
    assert quiet.cosine < loud.cosine


def test_the_thresholds_say_that_they_are_the_warm_up_ones() -> None:
    before, after = _floor(np.full(WARM_UP_FRAMES - 1, 2.0)), _floor(np.full(WARM_UP_FRAMES, 2.0))
    assert near_duplicate_thresholds(before).warm_up
    assert not near_duplicate_thresholds(after).warm_up


def test_a_long_visit_does_not_carry_the_floor_away() -> None:
    settled = _floor(np.full(1000, 2.0))
    floor = settled
    for _ in range(1500):
        floor = update_noise_floor(floor, residual=150.0, cosine=0.5)
    assert floor.residual < 1.5 * settled.residual

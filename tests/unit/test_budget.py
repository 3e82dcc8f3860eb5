"""The budget and its autopilot: what a camera may keep, over an hour, a day and a clock that goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.domain.autopilot import FOLLOW_MS, HIGHEST, RISE, Autopilot, admit, follow
from selector.domain.budget import RESERVE_H, Bucket, pace, refill, spacing_ms
from selector.domain.decide import ObservedFrame, decide
from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.policy import PolicyInForce
from selector.domain.signature import Signature
from selector.domain.state import CameraState, changes, restored
from winnow.events import SelectionPolicy, Source, Verdict
from winnow_cli.bench.quality.viewpoints import CORRIDOR, ROAD

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
HOUR_MS = 3_600_000
FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data" / "footage"


def policy(**fields: float) -> SelectionPolicy:
    return replace(SelectionPolicy(12.0, 12.0, BEGIN, control_every_s=1e9), **fields)


# --- the bucket and its reserve ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tokens", "expected_ms"), [(10.0, 0.0), (7.5, 3000.0), (5.0, 60_000.0), (0.0, 120_000.0)])
def test_spacing_grows_as_the_bucket_empties(tokens: float, expected_ms: float) -> None:
    assert spacing_ms(Bucket(tokens, 0), per_hour=1200.0, burst=10.0) == pytest.approx(expected_ms)


def test_the_bucket_starts_full_by_an_advance_fills_and_never_counts_time_twice() -> None:
    assert refill(Bucket(), per_hour=1200.0, burst=10.0, now_ms=1_000_000) == Bucket(10.0, 1_000_000, -5.0)
    spent = Bucket(2.0, 1_000_000)
    assert refill(spent, per_hour=1200.0, burst=10.0, now_ms=1_003_000) == Bucket(3.0, 1_003_000)
    assert refill(spent, per_hour=1200.0, burst=10.0, now_ms=999_000) == spent
    assert refill(spent, per_hour=1200.0, burst=10.0, now_ms=100_000) == Bucket(2.0, 100_000)


def test_what_a_quiet_night_leaves_comes_back_at_four_times_the_rate_at_most() -> None:
    quiet = refill(Bucket(10.0, 0, 0.0), per_hour=12.0, burst=10.0, now_ms=8 * HOUR_MS)
    assert quiet == Bucket(10.0, 8 * HOUR_MS, 96.0)
    assert pace(quiet, per_hour=12.0) == 4.0
    bucket, kept = quiet, 0
    for minute in range(1, 8 * 60):
        bucket = refill(bucket, per_hour=12.0, burst=10.0, now_ms=8 * HOUR_MS + minute * 60_000)
        if bucket.tokens >= 1.0:
            bucket, kept = bucket._replace(tokens=bucket.tokens - 1.0), kept + 1
        assert kept <= 10 + 4 * 12 * minute / 60 + 1e-9
    assert kept == pytest.approx(16 * 12 + 10, rel=0.02), "nothing of both nights and days is lost"
    week = refill(quiet, per_hour=12.0, burst=10.0, now_ms=7 * 24 * HOUR_MS)
    assert week.reserve == RESERVE_H * 12.0, "but of a week only a night"


@given(
    steps=st.lists(st.tuples(st.integers(-30 * HOUR_MS, 30 * HOUR_MS), st.booleans()), max_size=60),
    per_hour=st.floats(0.01, 3_600_000),
    burst=st.floats(1, 1000),
)
def test_never_more_than_was_earned_and_the_burst_whatever_the_clock_does(
    steps: list[tuple[int, bool]], per_hour: float, burst: float
) -> None:
    now_ms, passed_ms, kept = 10**12, 0, 0
    bucket = refill(Bucket(), per_hour=per_hour, burst=burst, now_ms=now_ms)
    for step_ms, wanted in steps:
        now_ms += step_ms
        before_ms = bucket.at_ms or 0
        bucket = refill(bucket, per_hour=per_hour, burst=burst, now_ms=now_ms)
        passed_ms += max(0, (bucket.at_ms or 0) - before_ms)
        assert -1e-6 <= bucket.tokens <= burst * (1 + 1e-9)
        assert -burst * (1 + 1e-9) <= bucket.reserve <= RESERVE_H * per_hour * (1 + 1e-9) + burst
        if wanted and bucket.tokens >= 1.0:
            bucket, kept = bucket._replace(tokens=bucket.tokens - 1.0), kept + 1
        assert kept <= burst + per_hour * passed_ms / HOUR_MS * (1 + 1e-9) + 1e-6


def test_another_policy_in_the_middle_goes_on_from_what_is_there() -> None:
    rich = Bucket(100.0, 0, 1000.0)
    poor = refill(rich, per_hour=12.0, burst=10.0, now_ms=1000)
    assert (poor.tokens, poor.reserve) == (10.0, RESERVE_H * 12.0)
    again = refill(poor, per_hour=120.0, burst=50.0, now_ms=HOUR_MS)
    assert again.tokens == 50.0


# --- what is admitted -------------------------------------------------------------------------------------------------

FULL, HALF, EMPTY = Bucket(12.0, 0), Bucket(6.0, 0), Bucket(0.5, 0)


@pytest.mark.parametrize(
    ("autopilot", "bucket", "novelty", "since_s", "reason"),
    [
        (Autopilot(), FULL, None, None, "novel"),
        (Autopilot(), FULL, 1.01, 1.0, "novel"),
        (Autopilot(), FULL, 1.0, 1.0, "near_duplicate"),
        (Autopilot(), FULL, 1.0, 1001.0, "heartbeat"),
        (Autopilot(), EMPTY, 1.0, 1001.0, "near_duplicate"),
        (Autopilot(), EMPTY, 50.0, 1000.0, "over_budget"),
        (Autopilot(bar=5.0), FULL, 1.01, 1.0, "novel"),  # a full bucket asks only that it is new
        (Autopilot(bar=5.0), HALF, 2.9, 1.0, "over_budget"),
        (Autopilot(bar=5.0), HALF, 3.1, 1.0, "novel"),
        (Autopilot(bar=5.0), Bucket(9.0, 0), 1.9, 300.0, "novel"),  # not by itself, but spaced
        (Autopilot(level=20.0), Bucket(9.0, 0), 19.0, 299.0, "over_budget"),
        (Autopilot(level=20.0), HALF, 21.0, 1.0, "novel"),
        (Autopilot(level=20.0, unfollowed=True), Bucket(7.0, 0), 2.0, FOLLOW_MS / 1000, "novel"),
        (Autopilot(level=20.0, unfollowed=True), Bucket(7.0, 0), 2.0, FOLLOW_MS / 1000 - 0.1, "over_budget"),
        (Autopilot(level=20.0, unfollowed=True), HALF, 2.0, FOLLOW_MS / 1000, "over_budget"),
        (Autopilot(), FULL, 1.0, -1001.0, "heartbeat"),  # a clock that went back
    ],
)
def test_a_frame_is_admitted(
    autopilot: Autopilot, bucket: Bucket, novelty: float | None, since_s: float | None, reason: str
) -> None:
    since_ms = None if since_s is None else since_s * 1000
    assert admit(autopilot, bucket, policy(), novelty=novelty, since_kept_ms=since_ms).reason == reason


def pilot(autopilot: Autopilot, frames: list[tuple[float, int]], bucket: Bucket = FULL) -> Autopilot:
    """After these frames: novelty, and milliseconds since the one before."""
    for novelty, elapsed_ms in frames:
        admission = admit(autopilot, bucket, policy(), novelty=novelty, since_kept_ms=1.0)
        autopilot = follow(autopilot, policy(), bucket, admission, novelty=novelty, elapsed_ms=elapsed_ms)
    return autopilot


def test_an_event_arrives_once_until_it_shows_much_more_or_is_over() -> None:
    shadow = pilot(Autopilot(), [(1.5, 100)])
    assert shadow.level == 1.5 * RISE
    assert admit(shadow, HALF, policy(), novelty=13.0, since_kept_ms=100.0).arrived, "who throws it is seen at once"
    visitor = pilot(shadow, [(13.0, 100), *[(30.0, 100)] * 20], HALF)
    assert visitor.level == 13.0 * RISE
    gone = pilot(visitor, [(0.5, 100)] * 80)
    assert gone.level == 1.0
    # The scene was left a little changed: new, but always the same.
    changed = pilot(visitor, [(1.2, 100)] * 60, HALF)
    assert changed.level == pytest.approx(1.2 * RISE)


def test_a_long_gap_and_a_clock_that_stands_are_no_trouble() -> None:
    assert pilot(Autopilot(60.0, 200.0, True), [(0.5, 10**15)]) == Autopilot(1.0, 1.0, True)
    assert pilot(Autopilot(2.0, 8.0, False), [(0.5, 0)]) == Autopilot(2.0, 8.0, False)


def test_the_bar_leaves_as_many_arrivals_as_the_budget_has_room_for() -> None:
    """Ten thousand events of random novelty, ten times too many: each is calm again before the next."""
    rng = np.random.default_rng(4)
    autopilot, bucket = Autopilot(), Bucket(0.0, 0, 0.0)
    asked = policy(burst=100.0, kept_per_hour=60.0, heartbeat_share=0.4)
    bars, arrived = [], []
    for novelty in np.exp(rng.exponential(1.0, 10_000)):
        reachable = bucket._replace(tokens=1.0)
        admission = admit(autopilot, reachable, asked, novelty=float(novelty), since_kept_ms=1.0)
        autopilot = follow(autopilot, asked, bucket, admission, novelty=float(novelty), elapsed_ms=0)
        autopilot = follow(autopilot, asked, bucket, None, novelty=0.5, elapsed_ms=10_000)
        arrived.append(admission.arrived)
        bars.append(autopilot.bar)
    assert sum(arrived[1000:]) == pytest.approx(9_000 * 10 / 3600 * 36, rel=0.02)
    assert np.median(bars[1000:]) == pytest.approx(10.0, rel=0.2), "the 90 % quantile of the novelty"
    assert min(bars) >= 1.0 and max(bars) <= HIGHEST


# --- on real footage --------------------------------------------------------------------------------------------------


def in_force(**fields: float) -> PolicyInForce:
    return PolicyInForce(policy(**fields), 5, KEY, "camera/c", KEY, 86_400.0, -1)


def judged(signatures: list[tuple[float, Signature]], force: PolicyInForce) -> list[Verdict]:
    """Verdicts on frames at these seconds; in the middle, the state goes through its stored form."""
    state, verdicts = CameraState("c"), []
    for number, (at_s, signature) in enumerate(signatures):
        at = BEGIN + timedelta(seconds=at_s)
        frame = ObservedFrame("c", f"f{number}", Source("f", 0, number), at, at, 1, number + 1, signature, "", BEGIN)
        verdict, state = decide(state, frame, force)
        verdicts.append(verdict)
        if number == len(signatures) // 2:
            state = restored(changes(None, state))[0]["c"]
    return verdicts


@pytest.fixture(scope="module")
def footage() -> Iterator[dict[str, list[Signature]]]:
    if not FOOTAGE.is_dir():
        pytest.skip(f"needs the footage in {FOOTAGE}")
    yield {
        recording.name: _signatures(FOOTAGE / recording.file, step) for recording, step in ((ROAD, 1), (CORRIDOR, 2))
    }


def _signatures(path: Path, step: int) -> list[Signature]:
    capture, found = cv2.VideoCapture(str(path)), []
    while capture.grab():
        if len(found) % step == 0:
            image = cv2.imencode(".jpg", capture.retrieve()[1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            found.append(extract(image, ExtractionLimits()))
        else:
            found.append(None)
    capture.release()
    return found


@pytest.mark.footage
def test_twelve_frames_have_every_group_of_cars_and_every_visitor(footage: dict[str, list[Signature]]) -> None:
    for recording in (ROAD, CORRIDOR):
        name, frames = recording.name, footage[recording.name]
        for start in (0, 18, 36):
            places = [i for i in range(start, len(frames)) if frames[i] is not None]
            verdicts = judged([(i / recording.fps, frames[i]) for i in places], in_force())
            kept = [i for i, verdict in zip(places, verdicts, strict=True) if verdict.outcome.value == "kept"]
            assert len(kept) <= 12
            assert all(any(first <= i <= last for i in kept) for first, last in recording.events), (name, start, kept)


@pytest.mark.footage
def test_the_demos_policy_keeps_few_cars_and_each_group_from_any_offset(footage: dict[str, list[Signature]]) -> None:
    cars = footage["road"]
    force = in_force(kept_per_hour=1200.0, burst=10.0, control_every_s=2.0)
    for start in range(0, 54, 6):
        verdicts = judged([(i / ROAD.fps, cars[i]) for i in range(start, len(cars))], force)
        kept = [start + n for n, v in enumerate(verdicts) if v.reason in ("novel", "heartbeat")]
        assert len(kept) <= 15
        assert all(any(first <= i <= last for i in kept) for first, last in ROAD.events), (start, kept)


@pytest.fixture(scope="module")
def noise() -> list[Signature]:
    rng = np.random.default_rng(0)
    images = [cv2.imencode(".png", rng.integers(0, 255, (60, 80), np.uint8))[1].tobytes() for _ in range(5)]
    found = [extract(image, ExtractionLimits()) for image in images]
    return [signature for signature in found if isinstance(signature, Signature)]


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.integers(-600_000, 600_000), min_size=1, max_size=40))
def test_a_clock_that_jumps_breaks_no_decision(noise: list[Signature], steps: list[int]) -> None:
    at_s = np.cumsum(steps) / 1000
    frames = [(float(at), noise[number % 5]) for number, at in enumerate(at_s)]
    for verdict in judged(frames, in_force(kept_per_hour=100.0)):
        assert np.isfinite([*verdict.signals.values(), *verdict.thresholds.values()]).all()
        assert verdict.thresholds.get("novelty", 1.0) >= 1.0

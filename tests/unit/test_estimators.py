"""The unbiased sample: that the estimates are right on average, and that the intervals hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

from selector.domain import sampling
from selector.domain.estimators import (
    ControlFrame,
    Estimate,
    MissRates,
    control_rate,
    estimate,
    inclusion,
    miss_rates,
    wilson,
)

DAYS = 2000
DAY_MS, SLOT_S = 86_400_000, 1200.0
SLOT_MS = round(SLOT_S * 1000)
REASONS = ("near_duplicate", "over_budget", "novel")


class Camera:
    """A day's frames: bursts of one a second, pauses of up to a minute, what the rules said and what is relevant.

    In bursts, more is relevant and more is over budget: an average over time would be wrong by far.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        gaps: list[np.ndarray] = []
        bursts: list[np.ndarray] = []
        while sum(map(np.sum, gaps)) < DAY_MS:
            gaps += [rng.uniform(8_000, 30_000, 25).round(), rng.uniform(4_000, 8_000, 25).round()]
            bursts += [np.zeros(25, bool), np.ones(25, bool)]
        self.at_ms = np.cumsum(np.concatenate(gaps)).astype(int)
        burst = np.concatenate(bursts)
        self.reason = np.where(rng.random(burst.size) < np.where(burst, 0.5, 0.2), 1, 0)
        self.reason[rng.random(burst.size) < 0.25] = 2
        self.relevant = rng.random(burst.size) < np.where(burst, 0.5, 0.25)

    def truth(self) -> dict[str, float]:
        rejected = self.reason != 2
        return {
            "missed": float(rejected[self.relevant].mean()),
            "near_duplicate": float(self.relevant[self.reason == 0].mean()),
            "over_budget": float(self.relevant[self.reason == 1].mean()),
            "relevant": float(self.relevant.mean()),
        }

    def served(self, key: bytes) -> list[int]:
        """The frames that are control frames under a key, as `serves_control` says (test_decide.py)."""
        slots = range(int(self.at_ms[0]) // SLOT_MS, int(self.at_ms[-1]) // SLOT_MS)
        moments = np.array([sampling.control_moment_ms(key, "c", slot, SLOT_MS) for slot in slots])
        places = np.unique(np.searchsorted(self.at_ms, moments[moments > self.at_ms[0]]))
        return [int(place) for place in places]

    def control(self, key: bytes) -> list[ControlFrame]:
        return [
            ControlFrame(
                "c", bool(self.reason[i] == 2), REASONS[self.reason[i]], self.chance(i), bool(self.relevant[i])
            )
            for i in self.served(key)
        ]

    def chance(self, i: int) -> float:
        return inclusion(int(self.at_ms[i]), int(self.at_ms[i] - self.at_ms[i - 1]) / 1000, SLOT_S)


def of_day(found: MissRates) -> dict[str, Estimate]:
    return {"missed": found.missed, "relevant": found.relevant, **found.relevant_by_reason}


@pytest.fixture(scope="module")
def days() -> tuple[dict[str, float], list[dict[str, Estimate]], list[float]]:
    """One camera's truth, what each of 2,000 keys would have estimated, and the same by plain means."""
    camera = Camera(1)
    drawn = [camera.control(b"key %012d" % number) for number in range(DAYS)]
    plain = [float(np.mean([frame.relevant for frame in frames])) for frames in drawn]
    return camera.truth(), [of_day(miss_rates(frames)["c"]) for frames in drawn], plain


@pytest.mark.parametrize("name", ["missed", "near_duplicate", "over_budget", "relevant"])
def test_the_estimates_are_unbiased_and_their_intervals_cover(days, name: str) -> None:
    truth, found, _ = days
    estimates = [day[name] for day in found if name in day]
    rates = np.array([one.rate for one in estimates])
    standard_error = rates.std() / np.sqrt(rates.size)
    assert abs(rates.mean() - truth[name]) < 0.005 + 3 * standard_error
    covered = np.mean([one.low <= truth[name] <= one.high for one in estimates])
    assert 0.93 <= covered <= 0.97


def test_a_plain_mean_of_the_control_frames_would_be_biased(days) -> None:
    truth, _, plain = days
    assert abs(np.mean(plain) - truth["relevant"]) > 0.03


def test_the_chance_of_a_frame_is_how_often_it_is_drawn() -> None:
    camera = Camera(2)
    counted = np.zeros(camera.at_ms.size)
    for number in range(DAYS):
        counted[camera.served(b"other %010d" % number)] += 1
    chances = np.array([camera.chance(i) for i in range(1, camera.at_ms.size)])
    of_interest = slice(0, int(np.searchsorted(camera.at_ms, camera.at_ms[-1] // SLOT_MS * SLOT_MS)) - 1)
    off = (counted[1:] - DAYS * chances) / np.sqrt(DAYS * chances * (1 - chances))
    assert abs(off[of_interest].mean()) < 0.1
    assert off[of_interest].std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("event_ms", "weight_s", "chance"),
    [
        (1_500, 0.5, 0.5),  # within a slot of one second
        (2_250, 0.5, 1 - 0.75 * 0.75),  # a quarter of it in each of two
        (3_000, 1.0, 1.0),  # a whole one
        (2_500, 1.5, 1.0),
        (9_000, 100.0, 1.0),
    ],
)
def test_inclusion(event_ms: int, weight_s: float, chance: float) -> None:
    assert inclusion(event_ms, weight_s, 1.0) == pytest.approx(chance)


def test_no_time_between_two_frames_is_no_chance() -> None:
    with pytest.raises(ValueError, match="cannot be a control frame"):
        inclusion(1_000, 0.0, 1.0)


def test_wilson_as_published_and_without_anything() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)
    assert estimate([]) == Estimate(0.0, 0.0, 1.0, 0)
    assert control_rate(48, 86_400).rate == 48 / 86_400
    assert control_rate(0, 0) == Estimate(0.0, 0.0, 1.0, 0)

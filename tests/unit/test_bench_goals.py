"""Benchmarks with goals: each is met or missed by its own figure."""

from __future__ import annotations

import pytest

from winnow_cli.bench.replay import goals

GOOD = {"signatures_per_s": 50_000, "memory_ratio": 1.0, "exact": True}


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, []),
        ({"signatures_per_s": 49_999}, ["signatures/s on 2 cores, at least"]),
        ({"memory_ratio": 1.2}, ["memory of the longer to the shorter, at most"]),
        ({"exact": False}, ["exactly the recorded verdicts and state (1: yes), at least"]),
    ],
)
def test_a_replay_meets_each_goal_by_its_figure(changed: dict[str, float], missed: list[str]) -> None:
    assert [goal["goal"] for goal in goals(GOOD | changed) if not goal["met"]] == missed

"""The budget over a simulated day: what `winnow simulate` shows must hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selector.domain.policy import PolicyInForce
from winnow_cli.offline.policy import policy_book
from winnow_cli.simulation.day import CameraResult, simulate
from winnow_cli.simulation.library import Place, render
from winnow_cli.simulation.plot import draw
from winnow_cli.simulation.stream import KINDS, CameraDay


@pytest.fixture(scope="module")
def places() -> dict[str, Place]:
    return render()


@pytest.fixture(scope="module")
def policy() -> PolicyInForce:
    return policy_book(None, (12.0, 12.0)).in_force("simulated")


def day(name: str, places: dict[str, Place], policy: PolicyInForce, *, seed: int = 1, **changes: float) -> CameraResult:
    kind = replace(next(kind for kind in KINDS if kind.name == name), **changes)
    return simulate(name, CameraDay(kind, places[kind.place], interval_s=5.0, seed=seed), policy)


def test_a_day_is_within_two_percent_and_no_visit_is_missed(places, policy) -> None:
    result = day("steady", places, policy)
    assert result.held
    assert abs(result.deviation) <= 0.02
    assert result.visits > 100
    assert result.caught == result.visits


def test_where_nothing_is_new_only_the_share_of_heartbeats_is_kept(places, policy, tmp_path) -> None:
    result = day("still", places, policy)
    assert not result.held
    assert result.reasons["heartbeat"] == pytest.approx(0.3 * 288, abs=2)
    draw([result], tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes()[:4] == b"\x89PNG"


def test_the_same_seed_is_the_same_day(places, policy) -> None:
    def frames(seed: int) -> list[tuple[float, bytes]]:
        camera = CameraDay(KINDS[0], places["yard"], interval_s=600.0, seed=seed)
        return [(frame.at_s, frame.signature.luma.tobytes()) for frame in camera.frames()]

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)

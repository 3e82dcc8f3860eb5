"""How well a score tells blurred, dark and over-exposed frames from the same cameras' good ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from winnow_cli.bench.peers.sets import ISSUES, ShotSaid
from winnow_cli.bench.quality.figures import Outcomes, auc
from winnow_cli.bench.quality.sets.defects import GOOD

Score = Callable[[ShotSaid, str], float | None]


def rows(shots: Sequence[ShotSaid], scores: dict[str, Score]) -> list[dict[str, Any]]:
    """For each condition and defect the AUC of every tool's score: lower is worse, None where there is none."""
    found = []
    for condition in dict.fromkeys(shot.condition for shot in shots):
        for defect in ISSUES:
            judged = [shot for shot in shots if shot.condition == condition and shot.kind in (GOOD, defect)]
            if any(shot.kind == defect for shot in judged):
                tools = {tool: _auc(judged, defect, score) for tool, score in scores.items()}
                found.append({"condition": condition, "defect": defect, "tools": tools})
    return found


def _auc(shots: Sequence[ShotSaid], defect: str, score: Score) -> dict[str, Any] | None:
    """None unless every frame has a score, and there are some of both kinds."""
    said = [(shot.camera, shot.kind == defect, score(shot, defect)) for shot in shots]
    scored = [(camera, spoiled, value) for camera, spoiled, value in said if value is not None]
    if len(scored) < len(said):
        return None
    figure = auc("", Outcomes.of(scored))
    if figure.value is None:
        return None
    cameras = {camera: round(value, 3) for camera, value in figure.by_camera.items()}
    return {
        "auc": round(figure.value, 3),
        "interval": [round(figure.low, 3), round(figure.high, 3)],
        "mean_of_cameras": round(sum(cameras.values()) / len(cameras), 3),
        "by_camera": cameras,
        "n": figure.n,
    }

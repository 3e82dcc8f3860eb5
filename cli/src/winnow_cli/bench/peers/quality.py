"""Every tool over the same sets, and what each made of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from winnow_cli.bench.peers import defects
from winnow_cli.bench.peers.catalogue import OURS, Peer
from winnow_cli.bench.peers.duplicates import Pairs
from winnow_cli.bench.peers.play import Answer, NotPlayed, play
from winnow_cli.bench.peers.sets import ISSUES, OBJECT, Sets, ShotSaid, write_sets


def measure(
    peers: Sequence[Peer], tools: Mapping[str, Path], data: Path | None, work: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Figures of Winnow and of all `peers` that have an interpreter in `tools`; `failed` has the others' reasons."""
    task, sets = write_sets(data, work / "sets", say)
    answers: dict[str, Answer] = {}
    failed: dict[str, str] = {}
    for peer in peers:
        if peer.name not in tools:
            continue
        say(f"sets: {peer.name} over {len(task.names)} images")
        try:
            answers[peer.name] = play(peer.name, tools[peer.name], task.path)
        except NotPlayed as error:
            failed[peer.name] = str(error)
    shutil.rmtree(task.path)
    small = sum(pair.kind == OBJECT for pair in sets.pairs)
    return {
        "cameras": len({shot.camera for shot in sets.shots}),
        "pairs": len(sets.pairs) - small,
        "objects": small,
        "frames": len(sets.shots),
        "duplicates": _duplicates([peer for peer in peers if peer.name in answers], answers, sets),
        "defects": defects.rows(sets.shots, _scores(answers)),
        "failed": failed,
    }


def _duplicates(peers: Sequence[Peer], answers: Mapping[str, Answer], sets: Sets) -> list[dict[str, Any]]:
    pairs = Pairs(sets.pairs)
    decided = np.array([pair.duplicate for pair in sets.pairs], bool)
    novelty = np.array([pair.novelty for pair in sets.pairs])
    rows = [{"tool": OURS, "method": "select", "cut_off": None, **pairs.row(novelty, decided)}]
    for peer in peers:
        for method in peer.methods:
            distance = np.array(answers[peer.name].jobs[method.job].distances)
            said = {"tool": peer.name, "method": method.name, "cut_off": method.cut_off}
            rows.append(said | pairs.row(distance, distance <= method.cut_off))
    return rows


def _scores(answers: Mapping[str, Answer]) -> dict[str, defects.Score]:
    scores: dict[str, defects.Score] = {OURS: lambda shot, defect: shot.score(defect)}
    for tool, answer in answers.items():
        for job in answer.jobs.values():
            if job.scores:
                scores[tool] = _score(job.scores)
    return scores


def _score(scores: Mapping[str, Sequence[float]]) -> defects.Score:
    def score(shot: ShotSaid, defect: str) -> float | None:
        values = scores.get(ISSUES[defect])
        return values[shot.image] if values is not None else None

    return score

"""How well a distance tells duplicates: at the cut-off that a tool has, and at the best one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from winnow_cli.bench.peers.sets import OBJECT, PairSaid
from winnow_cli.bench.quality.figures import Outcomes, f1

Values = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


class Pairs:
    """What the pairs are. F1, precision and recall count the changed ones; small objects are counted by themselves."""

    def __init__(self, pairs: Sequence[PairSaid]) -> None:
        self._same = np.array([pair.same for pair in pairs], bool)
        self._camera = np.array([pair.camera for pair in pairs])
        self._kind = np.array([pair.kind for pair in pairs])
        self._changed = self._kind != OBJECT

    def row(self, distance: Values, duplicate: Truths) -> dict[str, Any]:
        """Figures of a method: `distance` of each pair, and what it calls a duplicate by default."""
        best = self._best(distance, self._changed)
        of_camera = np.zeros_like(duplicate)
        for camera in np.unique(self._camera):
            here = self._camera == camera
            if (here & self._changed).any():
                of_camera |= here & (distance <= self._best(distance, here & self._changed))
        return {
            "by_default": self._told(duplicate),
            "best": {"cut_off": round(best, 4), **self._told(distance <= best)},
            "best_of_each_camera": self._told(of_camera),
        }

    def _best(self, distance: Values, among: Truths) -> float:
        return best_cut_off(distance[among], self._same[among])

    def _told(self, duplicate: Truths) -> dict[str, Any]:
        changed = self._changed
        figure = f1("", Outcomes(list(self._camera[changed]), self._same[changed], duplicate[changed].astype(float)))
        hits, named, there = self._counts(duplicate, changed)
        return {
            "f1": round(figure.value, 3) if figure.value is not None else None,
            "interval": [round(figure.low, 3), round(figure.high, 3)],
            "precision": round(hits / named, 3) if named else None,
            "recall": round(hits / there, 3) if there else None,
            "objects_seen": round(float((~duplicate[~changed]).mean()), 3) if not changed.all() else None,
            "f1_by_kind": {
                str(kind): self._f1(duplicate, self._kind == kind) for kind in np.unique(self._kind[changed])
            },
        }

    def _f1(self, duplicate: Truths, among: Truths) -> float:
        hits, named, there = self._counts(duplicate, among)
        return round(2 * hits / (named + there), 3)

    def _counts(self, duplicate: Truths, among: Truths) -> tuple[int, int, int]:
        """Pairs rightly called duplicates, pairs called so, duplicates that there are."""
        found = (duplicate & self._same, duplicate, self._same)
        hits, named, there = (int((one & among).sum()) for one in found)
        return hits, named, there


def best_cut_off(distance: Values, same: Truths) -> float:
    """The distance up to which two images are to be called duplicates for the best F1 on these very pairs."""
    places = np.unique(distance)
    hits = np.array([(same & (distance <= place)).sum() for place in places])
    named = np.array([(distance <= place).sum() for place in places])
    return float(places[int(np.argmax(2 * hits / (named + same.sum())))])

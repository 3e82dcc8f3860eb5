"""Same-camera duplicates, copies and small objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from winnow_cli.bench.quality.figures import Figure, Outcomes, best_f1, f1, share
from winnow_cli.bench.quality.measured.section import Plan, watched
from winnow_cli.bench.quality.sets.defects import DAY
from winnow_cli.bench.quality.sets.duplicates import objects, pairs
from winnow_cli.bench.quality.viewpoints import Viewpoint
from winnow_cli.bench.quality.watched import is_new

GOAL = 0.99


class Duplicates:
    """Each pair before a camera that knows its own noise and has kept only the pair's first frame.

    A frame counts as a duplicate unless the rules find something new in it: a good one that is rejected for its
    quality is lost all the same.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._decided: dict[str, list[tuple[str, bool, float]]] = defaultdict(list)
        self._novelty: dict[str, list[tuple[str, bool, float]]] = defaultdict(list)

    def measure(self, view: Viewpoint) -> None:
        camera, _ = watched(view, DAY, self._plan)
        for pair in pairs(view, self._plan.seed, self._plan.per_camera()):
            _, verdict = camera.compare(pair.reference, pair.other)
            self._decided[pair.kind].append((view.name, pair.same, float(not is_new(verdict))))
            self._novelty[pair.kind].append((view.name, pair.same, verdict.signals.get("novelty", 0.0)))

    def figures(self) -> Iterator[Figure]:
        everything = [one for found in self._decided.values() for one in found]
        scores = [one for found in self._novelty.values() for one in found]
        if not everything:
            return
        yield f1("all changes", Outcomes.of(everything), goal=GOAL)
        yield best_f1("all changes, best threshold", Outcomes.of(scores))
        for kind, found in self._decided.items():
            yield f1(kind, Outcomes.of(found), goal=GOAL)
            yield best_f1(f"{kind}, best threshold", Outcomes.of(self._novelty[kind]))


class SmallObjects:
    """Objects pasted into an empty scene that was kept: how many are found to be new."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._found: dict[tuple[tuple[float, float], str], list[tuple[str, bool]]] = defaultdict(list)

    def measure(self, view: Viewpoint) -> None:
        camera, _ = watched(view, DAY, self._plan)
        for size, pair in objects(view, self._plan.seed, self._plan.per_camera(0.5)):
            _, verdict = camera.compare(pair.reference, pair.other)
            self._found[size, pair.kind].append((view.name, is_new(verdict)))

    def figures(self) -> Iterator[Figure]:
        for (size, kind), found in self._found.items():
            yield share(f"{size[0]:.2%} to {size[1]:.1%} of the frame, {kind}", found)

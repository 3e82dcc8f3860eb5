"""Blur, haze and exposure: how well the signals tell, and what the rules make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from winnow.events import Verdict
from winnow_cli.bench.quality.figures import Figure, Outcomes, auc, share
from winnow_cli.bench.quality.measured.section import Plan, watched
from winnow_cli.bench.quality.sets.defects import (
    BRIGHTER,
    CLOCK,
    CONDITIONS,
    DARKER,
    DAY,
    DEFOCUS,
    FOG,
    GOOD,
    MOTION,
)
from winnow_cli.bench.quality.viewpoints import Viewpoint
from winnow_cli.bench.quality.watched import QUALITY_REASONS, reason

SIGNALS = {
    DEFOCUS: ("focus", 1),
    MOTION: ("focus", 1),
    FOG: ("visibility", 1),
    DARKER: ("mean_log_luma", 1),
    BRIGHTER: ("mean_log_luma", -1),
}
"""Signal that tells a defect, and its sign: 1 where it is lower in a spoiled frame."""

GOALS = {
    ("day", DEFOCUS): 0.995,
    ("day", MOTION): 0.995,
    ("clock", DEFOCUS): 0.985,
    ("clock", MOTION): 0.985,
    ("day", FOG): 0.96,
    ("day", DARKER): 0.97,
    ("day", BRIGHTER): 0.97,
}
WHAT = {
    DEFOCUS: "defocus, sigma .8 to 3 px",
    MOTION: "motion blur, 5 to 25 px",
    FOG: "fog, transmission .4 to .8",
    DARKER: "1 to 3 EV darker",
    BRIGHTER: "1 to 3 EV brighter",
}
OFTEN = (DAY, CLOCK)


class Defects:
    """Single frames before a camera that has seen an ordinary while under the same condition."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._found: dict[tuple[str, str], list[tuple[str, Verdict]]] = defaultdict(list)

    def measure(self, view: Viewpoint) -> None:
        for condition in CONDITIONS:
            camera, studio = watched(view, condition, self._plan)
            kinds = tuple(SIGNALS) if condition is DAY else (DEFOCUS, MOTION, FOG)
            count = self._plan.per_camera(1 if condition in OFTEN else 1 / 3)
            for shot in studio.shots(camera.next_at, kinds, count):
                (verdict,) = camera.probe([shot.image])
                self._found[condition.name, shot.kind].append((view.name, verdict))

    def figures(self) -> Iterator[Figure]:
        for (condition, kind), found in self._found.items():
            good = self._found[condition, GOOD]
            if kind == GOOD:
                rejected = [(camera, reason(verdict) in QUALITY_REASONS) for camera, verdict in good]
                yield share(f"{condition}: good frames rejected for quality", rejected, at_most=True)
                continue
            signal, sign = SIGNALS[kind]
            scores = [
                (camera, spoiled, sign * verdict.signals[signal])
                for spoiled, frames in ((True, found), (False, good))
                for camera, verdict in frames
                if signal in verdict.signals
            ]
            name = f"{condition}: {WHAT[kind]}"
            if scores:
                note = signal if len(scores) == len(found) + len(good) else f"{signal}, not on every frame"
                yield auc(name, Outcomes.of(scores), goal=GOALS.get((condition, kind)), note=note)
            rejected = [(camera, reason(verdict) in QUALITY_REASONS) for camera, verdict in found]
            yield share(f"{name}, rejected for it", rejected)

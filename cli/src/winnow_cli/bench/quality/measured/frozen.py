"""Frozen feeds recognised, and still scenes that are left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from winnow.events import Verdict
from winnow_cli.bench.quality.figures import Figure, share
from winnow_cli.bench.quality.measured.section import Plan, watched
from winnow_cli.bench.quality.sets.defects import CLOCK, DAY
from winnow_cli.bench.quality.sets.frozen import FREEZES, STILLS, freezes, stills, usual
from winnow_cli.bench.quality.viewpoints import Viewpoint
from winnow_cli.bench.quality.watched import INTERVAL_S, Watched, reason

WITHIN_FRAMES = 10
"""A frozen feed is to be recognised when so many frames have repeated the last one, 5 s apart."""

STILL_FRAMES = 15
PART = 0.1


class FrozenFeeds:
    """Feeds that freeze, and scenes that are still, before a camera that has seen its ordinary pictures."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._recognised: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        self._alarms: dict[str, list[tuple[str, bool]]] = defaultdict(list)

    def measure(self, view: Viewpoint) -> None:
        seed, count = self._plan.seed, self._plan.per_camera(PART)
        cameras = {clock: watched(view, CLOCK if clock else DAY, self._plan)[0] for clock in (False, True)}
        for freeze in FREEZES:
            camera = cameras[freeze.clock]
            for images in freezes(view, freeze, camera.at, seed, count=count, frames=WITHIN_FRAMES):
                found = _is_frozen(camera.probe(images, stalled=freeze.stalled))
                self._recognised[freeze.name].append((view.name, found))
        for still in STILLS:
            camera = Watched(view.name, self._plan.book)
            for image in usual(view, still, camera.next_at, INTERVAL_S, seed):
                camera.watch(image)
            for images in stills(view, still, camera.at, seed, count=count, frames=STILL_FRAMES):
                self._alarms[still.name].append((view.name, _is_frozen(camera.probe(images))))

    def figures(self) -> Iterator[Figure]:
        for kind, found in self._recognised.items():
            yield share(f"frozen, {kind}: recognised within {WITHIN_FRAMES} frames", found, goal=1.0)
        everything = [one for found in self._alarms.values() for one in found]
        yield share("still scenes under a ticking clock called frozen", everything, goal=0.0, at_most=True)
        for kind, found in self._alarms.items():
            yield share(f"still, {kind}: called frozen", found, at_most=True)


def _is_frozen(verdicts: list[Verdict]) -> bool:
    return any(reason(verdict) == "frozen_feed" for verdict in verdicts)

"""Ordinary frames that the quality rules reject: none of them is spoiled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from winnow_cli.bench.quality.figures import Figure, share
from winnow_cli.bench.quality.measured.section import Plan
from winnow_cli.bench.quality.sets.footage import (
    DAY_INTERVAL_S,
    SCENE_FPS,
    recorded,
    rendered,
    through_a_day,
    through_a_soft_lens,
)
from winnow_cli.bench.quality.viewpoints import RECORDINGS, SCENES, Viewpoint
from winnow_cli.bench.quality.watched import QUALITY_REASONS, Watched, reason

GOAL = 0.01
"""Ours: one frame in a hundred."""

RECORDED, RENDERED = "recordings as they come", "rendered scenes with a night"
DAYS, SOFT_DAYS = "a day of slow light and a night", "such a day through a soft lens"


class Ordinary:
    """All of them through the whole decision, from a camera's first frame on."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._said: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def measure(self, view: Viewpoint) -> None:
        recording = next((one for one in RECORDINGS if one.name == view.name), None)
        if recording is not None and self._plan.data is not None:
            self._watch(RECORDED, view, 1 / recording.fps, recorded(self._plan.data / "footage", recording))
        if view.name in SCENES:
            self._watch(RENDERED, view, 1 / SCENE_FPS, rendered(view.name, self._plan.seed))
        self._watch(DAYS, view, DAY_INTERVAL_S, through_a_day(view, self._plan.seed))
        soft = through_a_soft_lens(view)
        self._watch(SOFT_DAYS, view, DAY_INTERVAL_S, through_a_day(soft, self._plan.seed))

    def _watch(self, kind: str, view: Viewpoint, interval_s: float, images: Iterable[bytes]) -> None:
        camera = Watched(view.name, self._plan.book, interval_s=interval_s)
        self._said[kind] += [(view.name, reason(camera.watch(image))) for image in images]

    def figures(self) -> Iterator[Figure]:
        everything = [one for said in self._said.values() for one in said]
        yield _rejected("ordinary frames rejected for quality", everything, QUALITY_REASONS, goal=GOAL)
        for kind, said in self._said.items():
            yield _rejected(f"{kind}: rejected for quality", said, QUALITY_REASONS)
        for one in QUALITY_REASONS:
            yield _rejected(f"ordinary frames called {one}", everything, (one,))


def _rejected(name: str, said: list[tuple[str, str]], reasons: tuple[str, ...], *, goal: float | None = None) -> Figure:
    return share(name, [(camera, why in reasons) for camera, why in said], goal=goal, at_most=True)

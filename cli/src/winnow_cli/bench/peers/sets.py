"""The sets of `winnow bench quality`, fewer of each, as files; and what Winnow itself says of every one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from selector.app import warm_up
from winnow.events import Verdict
from winnow_cli.bench.peers.play import TaskFolder
from winnow_cli.bench.quality.measured.defects import SIGNALS
from winnow_cli.bench.quality.measured.section import Plan, watched
from winnow_cli.bench.quality.run import HELD_OUT_SEED
from winnow_cli.bench.quality.sets.defects import BRIGHTER, CLOCK, DARKER, DAY, DEFOCUS, MOTION
from winnow_cli.bench.quality.sets.duplicates import objects, pairs
from winnow_cli.bench.quality.viewpoints import Viewpoint, viewpoints
from winnow_cli.bench.quality.watched import Watched, is_new
from winnow_cli.offline.policy import policy_book

TOTAL, OBJECTS = 60, 0.25
"""Pairs or frames of each kind, over all cameras; of each size and kind of object, this part as many."""

OBJECT = "object"
ISSUES = {DEFOCUS: "blurred", MOTION: "blurred", DARKER: "dark", BRIGHTER: "over_exposed"}
"""Defects that some tool has a score for."""

KINDS = {DAY: tuple(ISSUES), CLOCK: (DEFOCUS, MOTION)}


@dataclass(frozen=True, slots=True)
class PairSaid:
    """A pair, and what Winnow said: whether it took the second frame for a duplicate, and its novelty."""

    camera: str
    kind: str
    same: bool
    duplicate: bool
    novelty: float


@dataclass(frozen=True, slots=True)
class ShotSaid:
    """A single frame by its index, and Winnow's signals for it."""

    camera: str
    condition: str
    kind: str
    image: int
    signals: dict[str, float]

    def score(self, defect: str) -> float | None:
        """Winnow's score for a defect, lower = worse; None where it has none yet."""
        signal, sign = SIGNALS[defect]
        return sign * self.signals[signal] if signal in self.signals else None


@dataclass(slots=True)
class Sets:
    """What is in the folder; `pairs` in the order of the task's."""

    pairs: list[PairSaid] = field(default_factory=list)
    shots: list[ShotSaid] = field(default_factory=list)


def write_sets(data: Path | None, folder: Path, say: Callable[[str], None]) -> tuple[TaskFolder, Sets]:
    """Every camera's pairs and single frames. Raises `Refused` for footage that cannot be read."""
    warm_up()
    cameras = list(viewpoints(data, HELD_OUT_SEED))
    plan = Plan(HELD_OUT_SEED, TOTAL, len(cameras), data, policy_book(None))
    task, sets = TaskFolder(folder), Sets()
    for number, (name, load) in enumerate(cameras, 1):
        say(f"sets: camera {number} of {len(cameras)}, {name}")
        view = load()
        _add_pairs(view, plan, task, sets)
        _add_shots(view, plan, task, sets)
    task.close()
    return task, sets


def _add_pairs(view: Viewpoint, plan: Plan, task: TaskFolder, sets: Sets) -> None:
    camera, _ = watched(view, DAY, plan)
    changed = [(pair.kind, pair) for pair in pairs(view, plan.seed, plan.per_camera())]
    small = [(OBJECT, pair) for _, pair in objects(view, plan.seed, plan.per_camera(OBJECTS))]
    for kind, pair in changed + small:
        _, verdict = camera.compare(pair.reference, pair.other)
        task.pair(pair.reference, pair.other)
        sets.pairs.append(
            PairSaid(view.name, kind, pair.same, not is_new(verdict), verdict.signals.get("novelty", 0.0))
        )


def _add_shots(view: Viewpoint, plan: Plan, task: TaskFolder, sets: Sets) -> None:
    for condition, kinds in KINDS.items():
        camera, studio = watched(view, condition, plan)
        for shot in studio.shots(camera.next_at, kinds, plan.per_camera()):
            signals = _probed(camera, shot.image).signals
            sets.shots.append(ShotSaid(view.name, condition.name, shot.kind, task.add(shot.image), signals))


def _probed(camera: Watched, image: bytes) -> Verdict:
    (verdict,) = camera.probe([image])
    return verdict

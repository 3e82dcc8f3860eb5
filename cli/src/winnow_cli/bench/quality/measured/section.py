"""What every section of the bench has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selector.domain.policy import PolicyBook
from winnow_cli.bench.quality.figures import Figure
from winnow_cli.bench.quality.sets.defects import Condition, Studio
from winnow_cli.bench.quality.viewpoints import Viewpoint
from winnow_cli.bench.quality.watched import INTERVAL_S, Watched


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made from: `total` frames or pairs a set, over `cameras`; `data` holds real footage, if any."""

    seed: int
    total: int
    cameras: int
    data: Path | None
    book: PolicyBook

    def per_camera(self, part: float = 1.0) -> int:
        """How many of `part` of a set each camera gives, an even number; one camera may have none to give."""
        share = math.ceil(part * self.total / max(1, self.cameras - 1))
        return share + share % 2


class Section(Protocol):
    """Measures one camera after the other, then has its figures."""

    def measure(self, view: Viewpoint) -> None: ...

    def figures(self) -> Iterator[Figure]: ...


def watched(view: Viewpoint, condition: Condition, plan: Plan) -> tuple[Watched, Studio]:
    """The camera after an ordinary while under a condition, and what takes further pictures of it."""
    studio = Studio(view, condition, plan.seed)
    camera = Watched(view.name, plan.book)
    for image in studio.ordinary(camera.next_at, INTERVAL_S):
        camera.watch(image)
    return camera, studio

"""The whole bench: cameras one after the other through every section."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selector.app import warm_up
from winnow_cli.bench.quality.figures import Figure
from winnow_cli.bench.quality.measured.defects import Defects
from winnow_cli.bench.quality.measured.duplicates import Duplicates, SmallObjects
from winnow_cli.bench.quality.measured.frozen import FrozenFeeds
from winnow_cli.bench.quality.measured.ordinary import Ordinary
from winnow_cli.bench.quality.measured.section import Plan, Section
from winnow_cli.bench.quality.measured.tampering import Tampering
from winnow_cli.bench.quality.measured.visits import Visits
from winnow_cli.bench.quality.viewpoints import FOOTAGE, viewpoints
from winnow_cli.offline.policy import policy_book

TOTAL = 500
"""Frames or pairs of a set, at least."""

HELD_OUT_SEED = 2
"""The figures' seed. Constants of the rules are tuned on others: its scenes, noise and strengths are new to them."""

SECTIONS: dict[str, tuple[str, Callable[[Plan], Section]]] = {
    "duplicates": ("Same-camera duplicates", Duplicates),
    "objects": ("Small objects found", SmallObjects),
    "defects": ("Blur, haze, exposure", Defects),
    "frozen": ("Frozen feeds, and still scenes", FrozenFeeds),
    "tampering": ("Tampering, and what is none", Tampering),
    "visits": ("Every visit at a budget of twelve frames", Visits),
    "ordinary": ("Ordinary frames, none spoiled", Ordinary),
}
"""Name for `--only`, title, and what measures it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A section's figures."""

    name: str
    title: str
    figures: tuple[Figure, ...]


def run(
    data: Path | None, only: Iterable[str], seed: int, say: Callable[[str], None], total: int = TOTAL
) -> Iterator[Measured]:
    """Each section's figures when the last camera is through; `only` of `SECTIONS`, all where there are none.

    `data` is the folder with real footage in `footage/`, None for rendered cameras alone. Raises `Refused` for
    footage that cannot be read.
    """
    warm_up()
    cameras = list(viewpoints(data, seed))
    plan = Plan(seed, total, len(cameras), data, policy_book(None))
    chosen = {name: SECTIONS[name][1](plan) for name in SECTIONS if name in set(only or SECTIONS)}
    for number, (name, load) in enumerate(cameras, 1):
        view, began = load(), time.process_time()
        where = "real footage" if view.origin == FOOTAGE else "rendered"
        say(f"camera {number} of {len(cameras)}: {name}, {where}, {view.size[0]}x{view.size[1]}, q{view.quality}")
        for section in chosen.values():
            section.measure(view)
        say(f"  {time.process_time() - began:.0f} s of CPU")
    for name, section in chosen.items():
        yield Measured(name, SECTIONS[name][0], tuple(section.figures()))

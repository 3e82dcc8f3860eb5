"""The pictures of simulated cameras: rendered once, as signatures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.signature import Signature
from winnow_scenes.scene import WORLDS, Scene, encoded

Grid = npt.NDArray[np.float32]
"""float32 (1200,): grey levels of the 30x40 cells of a signature's luma."""

WIDTH, HEIGHT = 320, 180
FPS, SECONDS, VISITS_PER_MINUTE = 4.0, 70.0, 10.0
LEAST_CHANGE = 3.0
"""Grey levels below which a cell with a visitor shows the drift of the scene's light instead."""

LEAST_SHOWN = 25.0
"""Grey levels that a picture of a visit differs by somewhere: what nobody sees is no visit."""


@dataclass(frozen=True, slots=True)
class Place:
    """A scene: the signature of its empty picture, and its visits as what each of their pictures adds to it."""

    signature: Signature
    empty: Grid
    visits: tuple[tuple[Grid, ...], ...]


def render() -> dict[str, Place]:
    """Every kind of rendered scene with a dozen visits. Takes two seconds."""
    return {kind: _place(kind) for kind in WORLDS}


def _place(kind: str) -> Place:
    scene = Scene(kind, 1, WIDTH, HEIGHT, fps=FPS, visits_per_minute=VISITS_PER_MINUTE)
    first, empty = None, np.zeros(0, np.float32)
    visits: dict[int, list[Grid]] = defaultdict(list)
    for index in range(int(SECONDS * FPS)):
        picture, truth = scene.frame(index)
        signature = extract(encoded(picture), ExtractionLimits())
        assert isinstance(signature, Signature)
        cells = signature.luma.ravel().astype(np.float32)
        here = {seen.visit for seen in truth.objects}
        if not here:
            first, empty = first or signature, cells
        elif len(here) == 1 and empty.size:
            change = cells - empty
            visits[here.pop()].append(np.where(np.abs(change) >= LEAST_CHANGE, change, 0).astype(np.float32))
    assert first is not None
    whole = tuple(tuple(p for p in pictures if np.abs(p).max() >= LEAST_SHOWN) for pictures in visits.values())
    return Place(first, first.luma.ravel().astype(np.float32), tuple(p for p in whole if len(p) > 2))

"""The pictures of simulated cameras: rendered once, as signatures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.grids import DETAIL_SHAPE
from selector.domain.signature import Signature
from winnow_scenes.scene import WORLDS, Scene, encoded

Grid = npt.NDArray[np.float32]
"""float32 (1200,): grey levels of the 30x40 cells of a signature's luma."""

Detail = npt.NDArray[np.int16]
"""int16 (2, 300): gradient and AC bits of the 15x20 tiles, on a signature's scale."""

WIDTH, HEIGHT = 320, 180
FPS, SECONDS, VISITS_PER_MINUTE = 4.0, 70.0, 10.0
LEAST_CHANGE = 3.0
"""Grey levels below which a cell with a visitor shows the drift of the scene's light instead."""

LEAST_SHOWN = 25.0
"""Grey levels that a picture of a visit differs by somewhere: what nobody sees is no visit."""


class Change(NamedTuple):
    """What an object adds to the empty picture, 0 where it changes nothing."""

    luma: Grid
    detail: Detail


@dataclass(frozen=True, slots=True)
class Place:
    """A scene: the signature of its empty picture, and its visits as what each of their pictures adds to it."""

    signature: Signature
    empty: Grid
    detail: Detail
    visits: tuple[tuple[Change, ...], ...]


def render() -> dict[str, Place]:
    """Every kind of rendered scene with a dozen visits. Takes two seconds."""
    return {kind: _place(kind) for kind in WORLDS}


def _place(kind: str) -> Place:
    scene = Scene(kind, 1, WIDTH, HEIGHT, fps=FPS, visits_per_minute=VISITS_PER_MINUTE)
    first, empty, flat = None, np.zeros(0, np.float32), np.zeros((2, 0), np.int16)
    visits: dict[int, list[Change]] = defaultdict(list)
    for index in range(int(SECONDS * FPS)):
        picture, truth = scene.frame(index)
        signature = extract(encoded(picture), ExtractionLimits())
        assert isinstance(signature, Signature)
        cells, detail = signature.luma.ravel().astype(np.float32), _detail(signature)
        here = {seen.visit for seen in truth.objects}
        if not here:
            first, empty, flat = first or signature, cells, detail
        elif len(here) == 1 and empty.size:
            change = cells - empty
            changed = np.abs(change) >= LEAST_CHANGE
            tiles = changed.reshape(DETAIL_SHAPE[0], 2, DETAIL_SHAPE[1], 2).any(axis=(1, 3)).ravel()
            visits[here.pop()].append(
                Change(np.where(changed, change, 0).astype(np.float32), np.where(tiles, detail - flat, np.int16(0)))
            )
    assert first is not None
    whole = tuple(tuple(p for p in pictures if np.abs(p.luma).max() >= LEAST_SHOWN) for pictures in visits.values())
    return Place(first, first.luma.ravel().astype(np.float32), _detail(first), tuple(p for p in whole if len(p) > 2))


def _detail(signature: Signature) -> Detail:
    assert signature.ac_bits is not None  # what is rendered is baseline JPEG
    return np.stack([signature.gradient.ravel(), signature.ac_bits.ravel()]).astype(np.int16)

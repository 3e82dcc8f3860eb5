"""How bright a picture is, and which of the camera's modes it belongs to."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from selector.domain.masks import Visible
from selector.domain.quality.measure import EDGE
from selector.domain.signature import Signature

DAY, NIGHT, INFRARED = "day", "night", "infrared"
MODES = (DAY, NIGHT, INFRARED)

NIGHT_BELOW = 5.6
"""Mean of log2(1 + grey level): 47 levels. A mode only chooses the reference, so the place matters little."""

GREY_BELOW = 0.2
"""Spread of both chroma components, in levels, under which a picture has no colours: fog leaves a road .3."""

DARK_BELOW = 4.0
"""Mean of log2(1 + grey level): 15 levels."""

MOST_DARK_EDGES = 0.04
"""The share of tiles with edges up to which nothing is to be seen in a picture that dark."""

OVER_EXPOSED = 0.5
OVER_EXPOSED_WARM_UP = 0.75
"""A saturated share over this is over-exposed; a camera with sky or snow in view has less room up to the whole."""

_SATURATED = 251
_LOG2_LUMA = np.array([round(4096 * math.log2(1 + level)) for level in range(256)], np.int64)


class Exposure(NamedTuple):
    """Mean of log2(1 + grey level), share of pixels (of cells, under a mask) at 251 levels or more, share of edges."""

    mean_log_luma: float
    saturated_share: float
    edges: float


def exposure_of(signature: Signature, visible: Visible) -> Exposure:
    """The picture's exposure without what is masked: there, cells stand for their pixels."""
    tiles = signature.gradient[visible.detail] if not visible.everything else signature.gradient
    edges = int(np.count_nonzero(tiles >= EDGE)) / max(tiles.size, 1)
    if visible.everything or not visible.luma.any():
        return Exposure(signature.mean_log_luma, signature.saturated_share, edges)
    cells = signature.luma[visible.luma]
    log_luma = int(_LOG2_LUMA[cells].sum()) / (4096 * cells.size)
    return Exposure(log_luma, int(np.count_nonzero(cells >= _SATURATED)) / cells.size, edges)


def mode_of(signature: Signature, exposure: Exposure) -> str:
    """`night` where it is dark, else `infrared` where there are no colours, else `day`."""
    if exposure.mean_log_luma < NIGHT_BELOW:
        return NIGHT
    spread = chroma_spread(signature)
    return INFRARED if spread is not None and spread < GREY_BELOW else DAY


def chroma_spread(signature: Signature) -> float | None:
    """The larger standard deviation of Cb and Cr, in levels; None where chroma was not read."""
    return None if signature.chroma is None else max(signature.chroma.cb_spread, signature.chroma.cr_spread)


def is_dark(exposure: Exposure) -> bool:
    """Whether there is nothing to be seen: night alone is none, lamps and what they light have edges."""
    return exposure.mean_log_luma < DARK_BELOW and exposure.edges <= MOST_DARK_EDGES


def over_exposed_above(usual_saturated: float | None) -> float:
    """The saturated share above which a picture is over-exposed; None: what is usual is not known yet."""
    return OVER_EXPOSED_WARM_UP if usual_saturated is None else OVER_EXPOSED + (1.0 - OVER_EXPOSED) * usual_saturated

"""The quality rules: whether a picture shows what its camera can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from selector.domain.masks import Visible
from selector.domain.quality.exposure import (
    DARK_BELOW,
    DAY,
    Exposure,
    exposure_of,
    is_dark,
    mode_of,
    over_exposed_above,
)
from selector.domain.quality.feed import Feed, Motion, watch
from selector.domain.quality.measure import UNIT, Detail, compare_detail
from selector.domain.quality.reference import Observed, Reference, first, stepped
from selector.domain.quality.tamper import (
    FRAMES,
    GIVE_UP_MS,
    RELEARN_MS,
    STRANGE_BELOW,
    SUDDEN_FRAMES,
    Vigil,
    is_suspect,
    is_usual,
)
from selector.domain.signature import Signature


class Limit(NamedTuple):
    """A threshold from a camera's low quantile: `margin` below it, between `floor` and `ceiling`; factors of two."""

    margin: float
    floor: float
    ceiling: float

    def below(self, low: float) -> float:
        return max(self.floor, min(self.ceiling, low - self.margin))


BLURRED = Limit(margin=0.2, floor=-1.0, ceiling=-0.25)
OBSCURED = Limit(margin=0.35, floor=-2.0, ceiling=-0.8)
"""docs/measurements/selection.md has what is above and below them."""

OBSCURED_TYPICAL = 0.6
OBSCURED_CLEAREST = -0.2
"""Weather is everywhere; what an object hides, or takes away with it, is not: the median over the picture must have
lost that much of the threshold, and the clearest of the strongest tiles 13 % of their contrast (fog to .8: 24 %)."""

LEAST_EDGES = 0.1
"""The share of tiles with edges that another view must have to be learnt: a covered lens has fewer or only noise."""

_UNIT_LUMA = 8 * UNIT
_UNIT_SATURATED = 64 * UNIT


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What the quality rules know of a camera: references by mode, the feed's last picture, what is suspected."""

    references: Mapping[str, Reference] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)
    vigil: Vigil = field(default_factory=Vigil)


class Look(NamedTuple):
    """What the quality rules say of a picture: `reason` is empty where they have nothing against it."""

    reason: str
    flags: tuple[str, ...]
    signals: dict[str, float]
    thresholds: dict[str, float]


class _Beside(NamedTuple):
    """A picture beside all the references that could know it."""

    own: Detail | None
    suspect: bool
    usual: bool
    strange: bool


def inspect(
    memory: Memory, signature: Signature, visible: Visible, *, identical: bool, event_ms: int, broker_ms: int
) -> tuple[Look, Memory]:
    """What a readable picture is worth, and what is remembered of it. `identical`: its bytes came before.

    The first that holds: frozen_feed, tampered, dark, over_exposed, blurred, obscured. What is rejected teaches the
    camera's references nothing.
    """
    motion, feed = watch(memory.feed, signature, visible, identical=identical, event_ms=event_ms, broker_ms=broker_ms)
    signals, thresholds = _of_motion(motion)
    if motion.frozen or identical:
        return Look("frozen_feed" if motion.frozen else "", (), signals, thresholds), replace(memory, feed=feed)
    exposure = exposure_of(signature, visible)
    mode = mode_of(signature, exposure)
    seen = _observed(signature, exposure)
    references = {name: known for name, known in memory.references.items() if known.size == seen.size}
    beside = _beside(references, mode, seen, visible)
    own = references.get(mode)
    warm = own is not None and own.warm
    vigil = _watched(memory.vigil, beside)
    reason, limits = _ruled(exposure, own if warm else None, beside, vigil)
    signals |= _signals(exposure, beside.own)
    thresholds |= limits
    flags = ((mode,) if mode != DAY else ()) + (() if warm else ("warm_up",))
    vigil = _timed(vigil, beside, reason, exposure, event_ms)
    if _given_up(vigil, event_ms):
        references, vigil = {}, Vigil()
    elif own is None:
        if not reason and not vigil.suspect:
            references[mode] = first(seen, event_ms)
    elif own.due(event_ms) and not (vigil.suspect or reason in ("dark", "over_exposed")):
        references[mode] = stepped(
            own,
            seen,
            event_ms,
            good=not reason and not (warm and beside.strange),
            focus=signals.get("focus") if warm else None,
            visibility=signals.get("visibility") if warm else None,
        )
    return Look(reason, flags, signals, thresholds), Memory(references, feed, vigil)


def _of_motion(motion: Motion) -> tuple[dict[str, float], dict[str, float]]:
    signals = {} if motion.changed_share is None else {"changed_share": motion.changed_share}
    return signals, {} if motion.least is None else {"changed_share": motion.least}


def _observed(signature: Signature, exposure: Exposure) -> Observed:
    return Observed(
        signature.gradient,
        signature.ac_bits,
        (signature.width, signature.height),
        signature.quantisation_hash,
        round(exposure.mean_log_luma * _UNIT_LUMA),
        round(exposure.saturated_share * _UNIT_SATURATED),
    )


def _beside(references: Mapping[str, Reference], mode: str, seen: Observed, visible: Visible) -> _Beside:
    """Against the mode's own reference first: only where that speaks of tampering the others are asked."""
    own = references.get(mode)
    detail = _detail(own, seen, visible) if own is not None else None
    known = [detail] if own is not None and own.warm and detail is not None else []
    if not known or is_suspect(known[0]) or known[0].pattern < STRANGE_BELOW:
        others = [other for name, other in references.items() if name != mode and other.warm]
        known += [_detail(other, seen, visible) for other in others]
    suspect = bool(known) and all(is_suspect(one) for one in known)
    return _Beside(
        own=detail,
        suspect=suspect,
        usual=not suspect and any(is_usual(one) for one in known),
        strange=bool(known) and all(one.pattern < STRANGE_BELOW for one in known),
    )


def _detail(reference: Reference, seen: Observed, visible: Visible) -> Detail:
    return compare_detail(
        seen.gradient,
        reference.gradient,
        visible.detail,
        brighter=seen.luma - reference.luma,
        ac_bits=(seen.ac_bits, reference.ac_bits)
        if seen.ac_bits is not None and reference.knows(seen.tables)
        else None,
    )


def _watched(vigil: Vigil, beside: _Beside) -> Vigil:
    """One frame on: suspicion begins only right after a usual frame, and lasts until there is one again."""
    if beside.usual:
        return vigil._replace(suspect=0, since_usual=0)
    begins = vigil.suspect > 0 or vigil.since_usual < SUDDEN_FRAMES
    suspect = vigil.suspect + 1 if beside.suspect and begins else vigil.suspect
    return vigil._replace(suspect=min(suspect, FRAMES), since_usual=min(vigil.since_usual + 1, SUDDEN_FRAMES))


def _ruled(exposure: Exposure, own: Reference | None, beside: _Beside, vigil: Vigil) -> tuple[str, dict[str, float]]:
    """The reason, and the thresholds that there are; `own` is the mode's reference once it is warm."""
    most_saturated = over_exposed_above(own.saturated / _UNIT_SATURATED if own is not None else None)
    limits = {"saturated_share": most_saturated, "mean_log_luma": DARK_BELOW}
    over_exposed = exposure.saturated_share > most_saturated
    if beside.suspect and vigil.suspect >= FRAMES and not is_dark(exposure) and not over_exposed:
        return "tampered", limits
    if is_dark(exposure):
        return "dark", limits
    if over_exposed:
        return "over_exposed", limits
    if own is None or beside.own is None or beside.own.pattern < STRANGE_BELOW:
        return "", limits
    detail = beside.own
    if detail.focus is not None:
        limits["focus"] = BLURRED.below(own.focus)
        if detail.focus < limits["focus"]:
            return "blurred", limits
    if detail.visibility is not None and detail.typical is not None and detail.clearest is not None:
        limits["visibility"] = OBSCURED.below(own.visibility)
        everywhere = detail.typical < OBSCURED_TYPICAL * limits["visibility"] and detail.clearest < OBSCURED_CLEAREST
        if detail.visibility < limits["visibility"] and everywhere:
            return "obscured", limits
    return "", limits


def _timed(vigil: Vigil, beside: _Beside, reason: str, exposure: Exposure, event_ms: int) -> Vigil:
    """Since when another view was seen, and since when nothing passed."""
    other_view = beside.strange and not beside.suspect and not reason and exposure.edges >= LEAST_EDGES
    rejected = reason in ("tampered", "blurred", "obscured")
    return vigil._replace(
        strange_ms=_since(vigil.strange_ms, event_ms) if other_view else None,
        rejected_ms=_since(vigil.rejected_ms, event_ms) if rejected else None,
    )


def _since(began_ms: int | None, event_ms: int) -> int:
    """Time that goes back begins anew."""
    return event_ms if began_ms is None else min(began_ms, event_ms)


def _given_up(vigil: Vigil, event_ms: int) -> bool:
    strange = vigil.strange_ms is not None and event_ms - vigil.strange_ms >= RELEARN_MS
    return strange or (vigil.rejected_ms is not None and event_ms - vigil.rejected_ms >= GIVE_UP_MS)


def _signals(exposure: Exposure, detail: Detail | None) -> dict[str, float]:
    signals: dict[str, float | None] = {
        "mean_log_luma": exposure.mean_log_luma,
        "saturated_share": exposure.saturated_share,
    }
    if detail is not None:
        signals |= {"focus": detail.focus, "visibility": detail.visibility, "pattern": detail.pattern}
    return {name: value for name, value in signals.items() if value is not None}

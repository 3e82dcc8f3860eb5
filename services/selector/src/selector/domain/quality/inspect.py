"""The quality rules: whether a picture shows what its camera can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from selector.domain.masks import Visible
from selector.domain.quality.evidence import Evidence
from selector.domain.quality.exposure import (
    DARK_BELOW,
    DAY,
    MOST_DARK_EDGES,
    Exposure,
    exposure_of,
    is_dark,
    mode_of,
    over_exposed_above,
)
from selector.domain.quality.feed import Feed, watch
from selector.domain.quality.measure import UNIT, Detail, compare_detail, noisier
from selector.domain.quality.reference import Observed, Reference, first, stepped
from selector.domain.quality.shift import Shift, best_shift
from selector.domain.quality.tamper import (
    FRAMES,
    GIVE_UP_MS,
    RELEARN_MS,
    STRANGE_BELOW,
    SUDDEN_FRAMES,
    Vigil,
    followed,
    is_moved,
    is_usual,
    suspicion,
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

NOISY = 0.5
"""Factors of two that AC bits may rise by in the plain parts of a picture and still be learnt from: twice the gain has
1.4 times the noise. A reference that was learnt from noise calls a soft lens blurred when the noise is gone."""

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
    """What the quality rules say of a picture: `reason` is empty where they have nothing against it.

    `signals` and `thresholds` have what was looked at; the reason follows from them.
    """

    reason: str
    flags: tuple[str, ...]
    signals: dict[str, float]
    thresholds: dict[str, float]


class _Beside(NamedTuple):
    """A picture beside all the references that could know it.

    `own` is beside its mode's reference; beside another one where only others are warm and speak of tampering.
    `suspicion` has the limits by which it looks covered or out of focus, `shift` where it has the usual view, if that
    was looked for.
    """

    own: Detail | None
    suspicion: dict[str, float]
    usual: bool
    strange: bool
    shift: Shift | None


def inspect(
    memory: Memory, signature: Signature, visible: Visible, *, identical: bool, event_ms: int, broker_ms: int
) -> tuple[Look, Memory]:
    """What a readable picture is worth, and what is remembered of it. `identical`: its bytes came before.

    The first that holds: frozen_feed, tampered, dark, over_exposed, blurred, obscured. What is rejected teaches the
    camera's references nothing.
    """
    motion, feed = watch(memory.feed, signature, visible, identical=identical, event_ms=event_ms, broker_ms=broker_ms)
    evidence = Evidence({}, {})
    evidence.of_motion(motion)
    if motion.frozen or identical:
        return Look("frozen_feed" if motion.frozen else "", (), *evidence), replace(memory, feed=feed)
    exposure = exposure_of(signature, visible)
    mode = mode_of(signature, exposure)
    seen = _observed(signature, exposure)
    references = {name: known for name, known in memory.references.items() if known.size == seen.size}
    beside = _beside(references, mode, seen, visible, memory.vigil)
    own = references.get(mode)
    warm = own is not None and own.warm
    vigil = _watched(memory.vigil, beside)
    evidence.of_exposure(mode, exposure, signature)
    evidence.of_detail(beside.own)
    reason = _ruled(exposure, own if warm else None, beside, vigil, evidence)
    flags = ((mode,) if mode != DAY else ()) + (() if warm else ("warm_up",))
    if own is not None and warm and seen.ac_bits is not None and not own.knows(seen.tables):
        flags += ("focus_warm_up",)
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
            noisy=_is_noisy(own, seen, visible),
            focus=evidence.signals.get("focus") if warm else None,
            visibility=evidence.signals.get("visibility") if warm else None,
        )
    return Look(reason, flags, *evidence), Memory(references, feed, vigil)


def _is_noisy(own: Reference, seen: Observed, visible: Visible) -> bool:
    """Whether a picture's AC bits are those of a sensor at a higher gain than usual, as at dusk."""
    if seen.ac_bits is None or not own.warm or not own.knows(seen.tables):
        return False
    return noisier(seen.ac_bits, own.ac_bits, visible.detail) > NOISY


def _observed(signature: Signature, exposure: Exposure) -> Observed:
    return Observed(
        signature.gradient,
        signature.ac_bits,
        (signature.width, signature.height),
        signature.quantisation_hash,
        round(exposure.mean_log_luma * _UNIT_LUMA),
        round(exposure.saturated_share * _UNIT_SATURATED),
    )


def _beside(references: Mapping[str, Reference], mode: str, seen: Observed, visible: Visible, vigil: Vigil) -> _Beside:
    """Against the mode's own reference first: only where that speaks of tampering the others are asked."""
    own = references.get(mode)
    detail = _detail(own, seen, visible) if own is not None else None
    known = [detail] if own is not None and own.warm and detail is not None else []
    if not known or known[0].pattern < STRANGE_BELOW or suspicion(known[0]):
        others = [other for name, other in references.items() if name != mode and other.warm]
        known += [_detail(other, seen, visible) for other in others]
    suspicions = [suspicion(one) for one in known]
    suspect = bool(known) and all(suspicions)
    strange = bool(known) and all(one.pattern < STRANGE_BELOW for one in known)
    return _Beside(
        own=known[0] if suspect else detail,
        suspicion=suspicions[0] if suspect else {},
        usual=not suspect and any(is_usual(one) for one in known),
        strange=strange,
        shift=_shift(own, seen, visible) if strange and not suspect and vigil.looks_for_move else None,
    )


def _shift(own: Reference | None, seen: Observed, visible: Visible) -> Shift | None:
    """None where fine detail cannot be compared: contrast alone finds a horizon in most views."""
    if own is None or not own.warm or seen.ac_bits is None or not own.knows(seen.tables):
        return None
    return best_shift((seen.gradient, own.gradient), (seen.ac_bits, own.ac_bits), visible.detail)


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
    if not beside.suspicion:
        vigil = followed(vigil, beside.shift, strange=beside.strange)
    if beside.usual:
        return vigil._replace(suspect=0, since_usual=0) if vigil.suspect or vigil.since_usual else vigil
    begins = vigil.suspect > 0 or vigil.since_usual < SUDDEN_FRAMES
    suspect = vigil.suspect + 1 if beside.suspicion and begins else vigil.suspect
    return vigil._replace(suspect=min(suspect, FRAMES), since_usual=min(vigil.since_usual + 1, SUDDEN_FRAMES))


def _ruled(exposure: Exposure, own: Reference | None, beside: _Beside, vigil: Vigil, evidence: Evidence) -> str:
    """The reason; what was looked at goes into `evidence`. `own` is the mode's reference once it is warm."""
    most_saturated = over_exposed_above(own.saturated / _UNIT_SATURATED if own is not None else None)
    evidence.thresholds["saturated_share"], evidence.thresholds["mean_log_luma"] = most_saturated, DARK_BELOW
    dark, over_exposed = is_dark(exposure), exposure.saturated_share > most_saturated
    if exposure.mean_log_luma < DARK_BELOW:
        evidence.hold("edges", exposure.edges, MOST_DARK_EDGES)
    tampered = False
    if beside.suspicion and beside.own is not None:
        evidence.of_suspicion(beside.own, beside.suspicion, vigil.suspect)
        tampered = vigil.suspect >= FRAMES
    elif beside.shift is not None:
        evidence.of_shift(beside.shift, vigil.moved if is_moved(beside.shift) else 0)
        tampered = is_moved(beside.shift) and vigil.moved >= FRAMES
    if tampered and not dark and not over_exposed:
        return "tampered"
    if dark:
        return "dark"
    if over_exposed:
        return "over_exposed"
    if own is None or beside.own is None:
        return ""
    evidence.thresholds["pattern"] = STRANGE_BELOW
    return "" if beside.own.pattern < STRANGE_BELOW else _beside_usual(beside.own, own, evidence)


def _beside_usual(detail: Detail, own: Reference, evidence: Evidence) -> str:
    """Of a picture of the usual view: whether it is blurred or obscured."""
    thresholds = evidence.thresholds
    if detail.focus is not None:
        thresholds["focus"] = BLURRED.below(own.focus)
        if detail.focus < thresholds["focus"]:
            return "blurred"
    if detail.visibility is None or detail.typical is None or detail.clearest is None:
        return ""
    thresholds["visibility"] = OBSCURED.below(own.visibility)
    if detail.visibility >= thresholds["visibility"]:
        return ""
    evidence.hold("typical", detail.typical, OBSCURED_TYPICAL * thresholds["visibility"])
    evidence.hold("clearest", detail.clearest, OBSCURED_CLEAREST)
    everywhere = detail.typical < thresholds["typical"] and detail.clearest < thresholds["clearest"]
    return "obscured" if everywhere else ""


def _timed(vigil: Vigil, beside: _Beside, reason: str, exposure: Exposure, event_ms: int) -> Vigil:
    """Since when another view was seen, and since when nothing passed."""
    passed_or_moved = reason in ("", "tampered") and not beside.suspicion
    other_view = beside.strange and passed_or_moved and exposure.edges >= LEAST_EDGES
    rejected = reason in ("tampered", "blurred", "obscured")
    if not other_view and not rejected and vigil.strange_ms is None and vigil.rejected_ms is None:
        return vigil
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

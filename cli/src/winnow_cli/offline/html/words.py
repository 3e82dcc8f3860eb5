"""What a person reads: reasons in words, and the numbers of a verdict against their thresholds."""

from __future__ import annotations

from typing import NamedTuple

from winnow.events import Outcome, Verdict

REASONS = {
    "novel": "Nothing like it among the frames kept before, and the budget had room.",
    "heartbeat": "Nothing new, but nothing was kept for long: a sign that the camera still sees the same.",
    "control": "Drawn by chance, whatever it shows: the unbiased sample, outside the budget.",
    "near_duplicate": "A kept frame shows the same, once light, noise and small movements are allowed for.",
    "identical_bytes": "Exactly these bytes came before.",
    "frozen_feed": "The same picture again and again while time goes on.",
    "tampered": "The lens is covered or far out of focus, or the camera was moved, for three frames or longer.",
    "dark": "Nothing to be seen: darkness without an edge in it.",
    "over_exposed": "Most of the picture is white, and more than this camera's usually is.",
    "blurred": "Less fine detail than this camera's pictures have: out of focus, or moved.",
    "obscured": "Less contrast everywhere than this camera's pictures have: fog, rain, a dirty lens.",
    "over_budget": "New, but the budget is used up or kept for what is newer.",
    "undecodable": "Not a picture that can be decoded.",
    "redelivered": "The same frame a second time.",
}
"""In the order in which a page has them: docs/verdicts.md says the same of each."""

SIGNALS = {
    "residual": ("residual", "largest local difference from the nearest kept frame, in grey levels"),
    "residual_cell": ("residual, one cell", "the same of a single cell of 40 by 30, for what is smaller than that"),
    "cosine": ("cosine", "cosine distance of the coarse shapes to the nearest kept frame, 0 to 2"),
    "novelty": (
        "novelty",
        "the largest of the three, each by its limit; above the budget's own threshold a new frame need not wait",
    ),
    "tokens": ("tokens", "what is left of the budget, in frames; the rules keep one only with 1 or more"),
    "since_kept_s": (
        "since kept",
        "time since the rules kept a frame; it must reach more where less of the budget is left",
    ),
    "focus": ("focus", "fine detail beside this camera's usual, in factors of two: 0 as usual, -1 half of it"),
    "visibility": ("visibility", "contrast beside this camera's usual, in factors of two: 0 as usual, -1 half of it"),
    "mean_log_luma": ("brightness", "mean of log2(1 + grey level): 4 is a level of 15, 8 is white"),
    "saturated_share": ("white", "share of pixels at 251 levels or more"),
    "changed_share": ("changed", "share of the picture that is not exactly as in the frame before"),
    "repeats": ("repeated", "frames in a row that repeat the one before"),
    "repeats_s": ("repeated for", "time over which they do"),
    "edges": ("edges", "share of the picture with an edge in it"),
    "pattern": ("pattern", "correlation of where detail is with where it usually is: below 0.5 it is another view"),
    "typical": ("typical contrast", "as contrast, but of the typical place and not of the worst"),
    "clearest": ("best contrast", "as contrast, but of the clearest places, whatever the brightness"),
    "keenest": ("sharpest", "fine detail where there is most of it, beside where there usually is, in factors of two"),
    "suspect_frames": ("in a row", "frames in a row that look tampered with"),
    "moved_frames": ("in a row", "frames in a row that show the usual view at another place"),
    "moved_match": ("found elsewhere", "how well another place of the picture shows the usual view"),
    "moved_x": ("moved right by", "how far that place is from the usual one, in shares of the width"),
    "moved_y": ("moved down by", "the same in shares of the height"),
}
"""Name of a signal -> short label, and what it is."""

DISTANCES = ("residual", "residual_cell", "cosine")
BUDGET = ("novelty", "tokens", "since_kept_s")
"""Signals of which more is better for a frame: of a rejected one, those are shown that fell short."""

TAMPERED = (
    *("suspect_frames", "keenest", "clearest", "pattern", "focus", "visibility"),
    *("moved_frames", "moved_match", "moved_x", "moved_y"),
)
QUALITY = {
    "blurred": ("focus",),
    "obscured": ("visibility", "typical", "clearest"),
    "dark": ("mean_log_luma", "edges"),
    "over_exposed": ("saturated_share",),
    "frozen_feed": ("changed_share", "repeats", "repeats_s"),
    "tampered": TAMPERED,
}
"""The signals that a quality rule decides by, as far as a verdict has them with a threshold, or as a place."""

COUNTED = ("repeats", "repeats_s", "suspect_frames", "moved_frames", "moved_match")
"""Signals that must reach their threshold."""

CHARTS = (*DISTANCES, *BUDGET, "focus", "visibility", "mean_log_luma", "saturated_share", "changed_share", "pattern")
"""Signals of which a page has a curve."""

SECONDS = ("since_kept_s", "repeats_s")


class Number(NamedTuple):
    """A signal beside its threshold, as text."""

    label: str
    value: str
    sign: str
    limit: str


def rule(verdict: Verdict) -> str:
    """The reason by the rules, also where the control share kept the frame."""
    return verdict.reason if verdict.rules is None else verdict.rules.reason


def numbers(verdict: Verdict) -> list[Number]:
    """The signals that were held against a threshold; of a rejected frame those alone that decided."""
    signals, limits = verdict.signals, verdict.thresholds
    if (decisive := QUALITY.get(rule(verdict))) is not None:
        found = [_number(name, signals[name], limits.get(name)) for name in decisive if _decided(name, verdict)]
        return found + [_number(name, signals[name], None) for name in ("residual",) if name in signals]
    found = []
    for name in (*DISTANCES, *BUDGET):
        value, limit = signals.get(name), limits.get(_threshold_of(name, verdict))
        if value is None or limit is None:
            continue
        more = value >= limit
        if name in DISTANCES or verdict.outcome is Outcome.KEPT or (rule(verdict) == "over_budget" and not more):
            found.append(_number(name, value, limit))
    return found


def _decided(name: str, verdict: Verdict) -> bool:
    return name in verdict.signals and (name in verdict.thresholds or name in {"moved_x", "moved_y"})


def _threshold_of(name: str, verdict: Verdict) -> str:
    """The threshold's name, where it is not the signal's."""
    return name if name != "since_kept_s" else "heartbeat_s" if rule(verdict) == "heartbeat" else "spacing_s"


def _number(name: str, value: float, limit: float | None) -> Number:
    label, unit = SIGNALS[name][0], " s" if name in SECONDS else ""
    if limit is None:
        return Number(label, f"{value:.0%}" if name in {"moved_x", "moved_y"} else short(value), "", "")
    reached = name in COUNTED or name in BUDGET
    sign = ("≥" if value >= limit else "<") if reached else ("≤" if value <= limit else ">")
    return Number(label, short(value) + unit, sign, short(limit) + unit)


def difference(verdict: Verdict) -> float:
    """How close a call it was: 1 is the limit of a near-duplicate, and that of a quality rule."""
    signals, limits = verdict.signals, verdict.thresholds
    if (decisive := QUALITY.get(rule(verdict))) is not None:
        beyond = [
            abs(signals[n] - limits[n]) for n in decisive if n in signals and n in limits and not n.endswith("_frames")
        ]
        return 1.0 / (1.0 + min(beyond, default=0.0))
    ratios = [signals[name] / limits[name] for name in DISTANCES if name in signals and limits.get(name)]
    return max(ratios, default=0.0)


def short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0001:
        return "<0.0001"
    return f"{float(f'{value:.2g}' if abs(value) < 1 else f'{value:.3g}'):.5f}".rstrip("0").rstrip(".")

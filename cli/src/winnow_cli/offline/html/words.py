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
    "tampered": "The lens is covered or far out of focus, for the third frame in a row or longer.",
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
    "cosine": ("cosine", "cosine distance of the coarse shapes to the nearest kept frame, 0 to 2"),
    "novelty": (
        "novelty",
        "the larger of both, each by its limit; above the budget's own threshold a new frame need not wait",
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
}
"""Name of a signal -> short label, and what it is."""

DISTANCES = ("residual", "cosine")
BUDGET = ("novelty", "tokens", "since_kept_s")
"""Signals of which more is better for a frame: of a rejected one, those are shown that fell short."""

QUALITY = {
    "blurred": "focus",
    "obscured": "visibility",
    "dark": "mean_log_luma",
    "over_exposed": "saturated_share",
    "frozen_feed": "changed_share",
}
"""The signal that a quality rule decides by; every frame has it, and it is shown where it decided."""

THRESHOLD_OF = {"since_kept_s": "spacing_s"}
"""Where a signal's threshold has another name than the signal."""


class Number(NamedTuple):
    """A signal beside its threshold, as text."""

    label: str
    value: str
    sign: str
    limit: str


def numbers(verdict: Verdict) -> list[Number]:
    """The signals that were held against a threshold; of a rejected frame those alone that decided."""
    found = []
    for name in [*SIGNALS, *(name for name in verdict.thresholds if name not in SIGNALS)]:
        limit = verdict.thresholds.get(THRESHOLD_OF.get(name, name))
        value = verdict.signals.get(name)
        if value is None or limit is None or (name in QUALITY.values() and QUALITY.get(verdict.reason) != name):
            continue
        label = SIGNALS.get(name, (name, ""))[0]
        unit = " s" if name in THRESHOLD_OF else ""
        if name not in BUDGET:
            found.append(Number(label, short(value), "≤" if value <= limit else ">", short(limit)))
        elif verdict.outcome is Outcome.KEPT or (verdict.reason == "over_budget" and value < limit):
            found.append(Number(label, short(value) + unit, "≥" if value >= limit else "<", short(limit) + unit))
    return found


def difference(verdict: Verdict) -> float:
    """How far the frame is from its nearest kept one: 1 is the limit of a near-duplicate."""
    signals, thresholds = verdict.signals, verdict.thresholds
    ratios = [signals[name] / thresholds[name] for name in DISTANCES if name in signals and thresholds.get(name)]
    return max(ratios, default=0.0)


def short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0001:
        return "<0.0001"
    return f"{float(f'{value:.2g}' if abs(value) < 1 else f'{value:.3g}'):.5f}".rstrip("0").rstrip(".")

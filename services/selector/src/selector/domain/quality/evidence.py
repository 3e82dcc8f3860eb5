"""What a verdict says of a picture's quality: each number that was looked at, and what it was held against."""

from __future__ import annotations

from typing import NamedTuple

from selector.domain.grids import DETAIL_SHAPE
from selector.domain.quality.exposure import (
    GREY_BELOW,
    INFRARED,
    NIGHT,
    NIGHT_BELOW,
    Exposure,
    chroma_spread,
)
from selector.domain.quality.feed import REPEATS, SPAN_MS, Motion
from selector.domain.quality.measure import Detail
from selector.domain.quality.shift import STEP, Shift
from selector.domain.quality.tamper import FRAMES, MOVED_ABOVE, STRANGE_BELOW
from selector.domain.signature import Signature


class Evidence(NamedTuple):
    """Signals and thresholds by name, filled while a picture is judged. docs/verdicts.md has them all."""

    signals: dict[str, float]
    thresholds: dict[str, float]

    def hold(self, name: str, value: float, limit: float) -> None:
        self.signals[name], self.thresholds[name] = value, limit

    def of_motion(self, motion: Motion) -> None:
        if motion.changed_share is not None:
            self.signals["changed_share"] = motion.changed_share
        if motion.least is not None:
            self.thresholds["changed_share"] = motion.least
        if motion.repeats:
            self.hold("repeats", motion.repeats, REPEATS)
            self.hold("repeats_s", motion.repeats_ms / 1000, SPAN_MS / 1000)

    def of_exposure(self, mode: str, exposure: Exposure, signature: Signature) -> None:
        """With the limit of the mode, where that is not day."""
        self.signals["mean_log_luma"] = exposure.mean_log_luma
        self.signals["saturated_share"] = exposure.saturated_share
        if mode == NIGHT:
            self.thresholds["night"] = NIGHT_BELOW
        elif mode == INFRARED:
            self.hold("chroma_spread", chroma_spread(signature) or 0.0, GREY_BELOW)

    def of_detail(self, detail: Detail | None) -> None:
        if detail is None:
            return
        if detail.focus is not None:
            self.signals["focus"] = detail.focus
        if detail.visibility is not None:
            self.signals["visibility"] = detail.visibility
        self.signals["pattern"] = detail.pattern

    def of_suspicion(self, detail: Detail, limits: dict[str, float], frames: int) -> None:
        """A picture that looks covered or out of focus, the how manieth in a row."""
        self.hold("suspect_frames", frames, FRAMES)
        for name, limit in limits.items():
            self.hold(name, getattr(detail, name), limit)

    def of_shift(self, shift: Shift, frames: int) -> None:
        """Another view, in which the usual one was looked for; so many frames in a row had it at this place."""
        self.thresholds["pattern"] = STRANGE_BELOW
        self.hold("moved_match", shift.match, MOVED_ABOVE)
        self.hold("moved_frames", frames, FRAMES)
        self.signals["moved_x"] = shift.right / (STEP * DETAIL_SHAPE[1])
        self.signals["moved_y"] = shift.down / (STEP * DETAIL_SHAPE[0])

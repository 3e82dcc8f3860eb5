"""What came of a run under overload, from its verdicts alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.table import Table

from winnow.clock import to_ms
from winnow.events import Outcome, Verdict
from winnow_cli.bench.overload_scene import Footage

BIN_S = 0.5


@dataclass(slots=True)
class LoadResult:
    """Frames of the load: `lags` has (seconds since it began, age in seconds, reduced) of each one's verdict."""

    published_per_s: float
    judged_per_s: float
    frames: int
    verdicts: int = 0
    twice: int = 0
    decoded: int = 0
    kept: int = 0
    events: int = 0
    events_decoded: int = 0
    visits: int = 0
    visits_kept: int = 0
    lags: list[tuple[float, float, bool]] = field(default_factory=list)

    def count(self, found: Iterable[Verdict], footage: Footage, cameras: int, first: int) -> None:
        """Verdicts of frames from number `first` on. A visit is kept if the rules kept a frame of it; control is not
        counted, it keeps by chance."""
        seen = set[int]()
        shown, kept = set[tuple[int, int]](), set[tuple[int, int]]()
        begin_ms: int | None = None
        for verdict in found:
            number = uuid.UUID(verdict.frame_id or "").int
            if number < first:
                continue
            self.verdicts += 1
            self.twice += number in seen
            seen.add(number)
            broker_ms = to_ms(verdict.broker_time)
            begin_ms = broker_ms if begin_ms is None else min(begin_ms, broker_ms)
            decoded = verdict.signature is not None
            by_rules = verdict.outcome is Outcome.KEPT and "control" not in verdict.flags
            here = {(number % cameras, visit) for visit in footage.visits[footage.place(number, cameras)]}
            self.decoded += decoded
            self.kept += by_rules
            self.events += bool(here)
            self.events_decoded += bool(here) and decoded
            shown |= here
            kept |= here if by_rules else set()
            at_ms = to_ms(verdict.decided_at)
            self.lags.append((at_ms / 1000, max(0, at_ms - broker_ms) / 1000, verdict.effort == "reduced"))
        begin_s = (begin_ms or 0) / 1000
        self.lags = sorted((at_s - begin_s, age_s, reduced) for at_s, age_s, reduced in self.lags)
        self.visits, self.visits_kept = len(shown), len(kept)

    @property
    def whole(self) -> bool:
        """Whether every frame has one verdict."""
        return self.verdicts == self.frames and not self.twice

    @property
    def longest_s(self) -> float:
        """The oldest that a frame was when it got its verdict."""
        return max((age_s for _, age_s, _ in self.lags), default=0.0)

    @property
    def reduced(self) -> int:
        """Frames judged with reduced effort."""
        return sum(reduced for _, _, reduced in self.lags)

    def curve(self) -> list[tuple[float, float, float]]:
        """Time in seconds, the oldest age in seconds, and the share judged with reduced effort, of each half second."""
        bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
        for at_s, age_s, reduced in self.lags:
            bins[int(at_s / BIN_S)].append((age_s, reduced))
        return [
            (number * BIN_S, max(age for age, _ in ages), sum(reduced for _, reduced in ages) / len(ages))
            for number, ages in sorted(bins.items())
        ]

    def plain(self) -> dict[str, Any]:
        """For programs; shares of 1, times in seconds."""
        ages = np.array([age_s for _, age_s, _ in self.lags])
        return {
            "frames": self.frames,
            "verdicts": self.verdicts,
            "twice": self.twice,
            "published_per_s": round(self.published_per_s, 1),
            "judged_per_s": round(self.judged_per_s, 1),
            "load": round(self.published_per_s / self.judged_per_s, 2),
            "lag_s": {
                "p50": round(float(np.percentile(ages, 50)), 2),
                "p99": round(float(np.percentile(ages, 99)), 2),
                "max": round(self.longest_s, 2),
            },
            "judged_after_s": round(self.lags[-1][0], 1),
            "reduced_share": round(self.reduced / len(self.lags), 3),
            "decoded_share": round(self.decoded / self.verdicts, 3),
            "kept": self.kept,
            "event_frames": self.events,
            "event_frames_decoded_share": round(self.events_decoded / max(self.events, 1), 3),
            "visits": self.visits,
            "visits_kept": self.visits_kept,
            "curve": [[round(value, 2) for value in point] for point in self.curve()],
        }


def faults(off: LoadResult, on: LoadResult, *, limit_s: float, last: int) -> list[str]:
    """What does not hold of a run without the switch and one with it, a sentence each; none where all does.

    Every frame has one verdict; the load was one: without the switch, lag went over the limit; with it some frames were
    judged with reduced effort, lag stayed within twice the limit, and the `last` frames got full effort again.
    """
    wrong = [
        f"overload {name}: {one.frames:,} frames have {one.verdicts:,} verdicts, {one.twice:,} of them second ones"
        for name, one in (("off", off), ("on", on))
        if not one.whole
    ]
    if off.longest_s <= limit_s:
        wrong.append(f"no overload: without the switch the lag was at most {off.longest_s:.1f} s, limit {limit_s:g} s")
    if off.reduced:
        wrong.append(f"overload off: {off.reduced:,} frames were judged with reduced effort")
    if not on.reduced:
        wrong.append("overload on: no frame was judged with reduced effort")
    if still := sum(reduced for _, _, reduced in on.lags[-last:]):
        wrong.append(f"overload on: {still:,} of the last {last:,} frames were still judged with reduced effort")
    if on.longest_s > 2 * limit_s:
        wrong.append(f"overload on: the lag was up to {on.longest_s:.1f} s, over twice the limit of {limit_s:g} s")
    return wrong


def table(results: Mapping[str, LoadResult], limit_s: float) -> Table:
    """Both runs side by side, for people."""
    told = Table(title=f"150 % of what can be judged; limit of the lag {limit_s:g} s")
    told.add_column("overload")
    for name in results:
        told.add_column(name, justify="right")
    plain = {name: result.plain() for name, result in results.items()}

    def row(title: str, text: Callable[[dict[str, Any]], str]) -> None:
        told.add_row(title, *(text(plain[name]) for name in results))

    row("frames, verdicts", lambda run: f"{run['frames']:,}, {run['verdicts']:,}")
    row("published / judged a second", lambda run: f"{run['published_per_s']:.0f} / {run['judged_per_s']:.0f}")
    row("lag, median", lambda run: f"{run['lag_s']['p50']:.1f} s")
    row("lag, longest", lambda run: f"{run['lag_s']['max']:.1f} s")
    row("last verdict after", lambda run: f"{run['judged_after_s']:.1f} s")
    row("judged with reduced effort", lambda run: f"{run['reduced_share']:.0%}")
    row("decoded", lambda run: f"{run['decoded_share']:.0%}")
    row("decoded of those with an object", lambda run: f"{run['event_frames_decoded_share']:.0%}")
    row("visits with a kept frame", lambda run: f"{run['visits_kept']:,} of {run['visits']:,}")
    return told

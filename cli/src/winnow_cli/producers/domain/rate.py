"""Frames a second, bursts and silences, by the broker's time and against what the camera is set to."""

from __future__ import annotations

from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally, in_time
from winnow_cli.producers.domain.record import SentRecord
from winnow_cli.producers.domain.sample import Sample

SILENT_AT_LEAST_S, SILENT_AFTER = 30.0, 3.0
"""As in `winnow status --cameras`: a silence is this many usual intervals, and not below 30 s."""

BURST_PAUSE, BURST_SHARE, BURST_PAUSES, BURST_FRAMES = 10.0, 0.5, 3, 20
"""Bursts: pauses of 10 usual gaps and of a second take half the time, three or more of them, in 20 frames or more."""

OFF_PACE = 1.5

AHEAD = 2.0
"""Footage: frames come so many times as fast as they were taken. What ends then is a file, and no camera."""


class RateCheck:
    """`expected_s` is the camera's set interval, or None."""

    def __init__(self, expected_s: float | None) -> None:
        self._expected_s = expected_s
        self._gaps, self._taken_gaps = Sample(), Sample()
        self._last_s: float | None = None
        self._last_taken_s: float | None = None
        self._longest_s = 0.0
        self._longest = Tally()
        self._first = self._last = ""

    def see(self, record: SentRecord) -> None:
        self._first = self._first or record.position
        taken_s = record.frame.captured_at.timestamp() if record.frame is not None else None
        if self._last_s is not None:
            gap_s = max(0.0, record.broker_s - self._last_s)
            self._gaps.add(gap_s)
            if taken_s is None or self._last_taken_s is None:
                self._taken_gaps.add(gap_s)
            else:
                self._taken_gaps.add(taken_s - self._last_taken_s)
            if gap_s > self._longest_s:
                self._longest_s, self._longest = gap_s, Tally(1, record.position)
        self._last_s, self._last, self._last_taken_s = record.broker_s, record.position, taken_s

    def findings(self, flow: Flow, until_s: float) -> list[Finding]:
        """`until_s`: the end of the watch, in seconds since 1970; of a past that was read, the last record's time."""
        if self._last_s is None:
            return []
        found = []
        if self._expected_s or not self._is_footage():
            found += self._silence(until_s, flow)
            if flow.records >= BURST_FRAMES:
                found += self._bursts(flow)
        if self._expected_s and flow.per_s and flow.records >= 3:
            found += self._pace(flow, self._expected_s, 1 / flow.per_s)
        return found

    def _silence(self, until_s: float, flow: Flow) -> list[Finding]:
        usual_s = self._expected_s or (self._gaps.median if self._gaps.values else 0.0)
        too_long_s = max(SILENT_AT_LEAST_S, SILENT_AFTER * usual_s)
        since_s = until_s - (self._last_s or until_s)
        said, longest_s, where = f"silent for {in_time(self._longest_s)}", self._longest_s, self._longest
        if since_s > longest_s:
            said, longest_s, where = f"silent for the last {in_time(since_s)}", since_s, Tally(1, self._last)
        if longest_s <= too_long_s:
            return []
        return [where.found(
            flow, "silence", Level.WARNING, what=f"{said}; {in_time(usual_s)} is usual",
            cost="what happened meanwhile is not in the data", mend="look at the camera and its link",
        )]  # fmt: skip

    def _is_footage(self) -> bool:
        """Frames come faster than they were taken, and pauses are in the footage too: not heaps of a slow producer."""
        if not self._gaps.values or self._taken_gaps.median <= AHEAD * self._gaps.median:
            return False
        both = zip(self._gaps.values, self._taken_gaps.values, strict=True)
        return not any(gap > self._pause_s and 0 <= taken < gap / 2 for gap, taken in both)

    @property
    def _pause_s(self) -> float:
        return max(1.0, BURST_PAUSE * self._gaps.median)

    def _bursts(self, flow: Flow) -> list[Finding]:
        pauses = [gap for gap in self._gaps.values if gap > self._pause_s]
        if len(pauses) < BURST_PAUSES or sum(pauses) < BURST_SHARE * sum(self._gaps.values):
            return []
        return [Tally(len(pauses), self._first).found(
            flow, "bursts", Level.WARNING,
            what=f"in bursts, with pauses of {in_time(sorted(pauses)[len(pauses) // 2])}",
            cost="verdicts come late by as much, and in heaps",
            mend="send each frame when it is taken; linger.ms of 5",
        )]  # fmt: skip

    def _pace(self, flow: Flow, expected_s: float, real_s: float) -> list[Finding]:
        everywhere = Tally(flow.records, self._first)
        said = f"a frame each {in_time(real_s)}; the camera is set to {in_time(expected_s)}"
        if real_s > OFF_PACE * expected_s:
            return [everywhere.found(
                flow, "too_slow", Level.WARNING, what=said,
                cost=f"{1 - expected_s / real_s:.0%} of the frames are missing",
                mend="find where they are dropped, or set the camera's interval",
            )]  # fmt: skip
        if real_s * OFF_PACE < expected_s:
            extra = 1 - real_s / expected_s
            return [everywhere.found(
                flow, "too_fast", Level.WARNING, what=said, cost=flow.a_day(extra * flow.bytes),
                mend="slow the camera down, or set its interval",
            )]  # fmt: skip
        return []

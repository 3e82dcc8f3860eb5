"""The camera's running number: what is missing, and what comes out of order."""

from __future__ import annotations

from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally, counted
from winnow_cli.producers.domain.record import SentRecord

RESTART, LATE = 10_000, 64
"""A larger leap forward, or step back, is another counter: not frames that are missing, or late."""


class OrderCheck:
    """Sequence numbers in the order of the partition."""

    def __init__(self) -> None:
        self._gaps, self._back, self._none = Tally(), Tally(), Tally()
        self._highest: int | None = None
        self._numbered = self._missing = 0

    def see(self, record: SentRecord) -> None:
        if record.frame is None:
            self._highest = None  # whatever number it had, it came
            return
        number = record.frame.sequence
        if number is None:
            self._none.hit(record)
            return
        self._numbered += 1
        step = 1 if self._highest is None else number - self._highest
        if step <= 0:
            self._back.hit(record)
            self._missing -= step < 0 < self._missing  # one that was missing is late
        elif 1 < step <= RESTART:
            self._gaps.hit(record)
            self._missing += step - 1
        if step > 0 or step < -LATE:
            self._highest = number

    def findings(self, flow: Flow) -> list[Finding]:
        found = []
        if self._gaps.count and self._missing:
            share = self._missing / (self._missing + self._numbered)
            missing = f"{counted(self._missing, 'number')} missing ({share:.0%})"
            found.append(self._gaps.found(
                flow, "sequence_gap", Level.WARNING,
                what=f"{missing}, at {counted(self._gaps.count, 'place')}",
                cost="those frames never came, and no verdict tells of them",
                mend="look for drops at the camera: a full queue, refused sizes, delivery reports that nobody reads",
            ))  # fmt: skip
        if self._back.count:
            found.append(self._back.found(
                flow, "sequence_back", Level.WARNING, what="the sequence repeats or goes back",
                cost="restarts, retries and a second device look alike; gaps cannot be told",
                mend="count on over restarts; enable idempotence, so that a retry does not reorder",
            ))  # fmt: skip
        if self._none.count:
            found.append(self._none.found(
                flow, "no_sequence", Level.NOTE, what="no sequence", cost="frames that the camera lost do not show",
                mend="send a running number",
            ))  # fmt: skip
        return found

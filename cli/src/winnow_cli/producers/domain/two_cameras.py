"""Two devices under one camera id: their pictures and numbers take turns."""

from __future__ import annotations

from collections.abc import Hashable

from selector.domain.image_header import ImageHeader
from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally
from winnow_cli.producers.domain.record import SentRecord

SWITCHES = 4
"""One camera changes its size or restarts its counter now and then; it does not go to and fro this often."""

NEAR = 64
"""Numbers this close belong to one counter, in order or not."""


class TwoCamerasCheck:
    """Sees a camera go to and fro between two picture sizes, or between two counters that both run on."""

    def __init__(self) -> None:
        self._sizes = _Alternation()
        self._counters = _Alternation()
        self._ends: list[int] = []

    def see(self, record: SentRecord) -> None:
        if record.frame is None:
            return
        if isinstance(record.header, ImageHeader):
            self._sizes.see((record.header.width, record.header.height), record)
        if record.frame.sequence is not None:
            self._counters.see(self._counter(record.frame.sequence), record)

    def _counter(self, number: int) -> int:
        """Which of the last two counters a number continues; it begins a new one where neither is near."""
        for index, end in enumerate(self._ends):
            if abs(number - end) <= NEAR:
                self._ends[index] = max(end, number)
                return index
        if len(self._ends) < 2:
            self._ends.append(number)
            return len(self._ends) - 1
        self._ends = [number]
        self._counters = _Alternation()
        return 0

    def findings(self, flow: Flow) -> list[Finding]:
        for what, seen in (("sizes of picture", self._sizes), ("running counters", self._counters)):
            if seen.tally.count >= SWITCHES:
                return [seen.tally.found(
                    flow, "two_cameras", Level.ERROR, what=f"goes to and fro between two {what}: two devices?",
                    cost="judged as one scene that jumps: each frame looks new, or stale", mend="an id for each device",
                )]  # fmt: skip
        return []


class _Alternation:
    """Counts returns to a value that was left: A, B, A is one."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._now: Hashable = None
        self._before: Hashable = None

    def see(self, value: Hashable, record: SentRecord) -> None:
        if value == self._now:
            return
        if value == self._before:
            self.tally.hit(record)
        self._before, self._now = self._now, value

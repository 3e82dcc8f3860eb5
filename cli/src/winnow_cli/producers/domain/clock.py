"""The camera's clock against the broker's."""

from __future__ import annotations

from winnow.clock import to_ms
from winnow_cli.producers.domain.finding import DAY_S, Finding, Flow, Level, Tally, in_time
from winnow_cli.producers.domain.record import SentRecord
from winnow_cli.producers.domain.sample import Sample

AHEAD_MOST_S, BEHIND_MOST_S = 300.0, 30 * DAY_S
"""Outside this the selector takes the broker's time."""

AHEAD_S, BEHIND_S = 2.0, 60.0
"""A camera with NTP is well within; a frame that is a minute on its way is not live."""

JUMP_S = 60.0

STEADY_S = 2.0
"""A lag that spreads less than this, or a tenth of the time watched, is a clock's; a file's runs away."""
ZONE_STEP_S, ZONE_SLACK_S, ZONE_STEPS = 1800.0, 15.0, 28
"""Nearly every time zone is whole half hours, up to 14 h, from UTC; one steady lag in 60 is taken for one by chance."""

FEW = 3
SKEWED = "captured_at is not used: the broker's time is, flag clock_skew"


class ClockCheck:
    """How captured_at runs against the time at which the broker took the record. Positive lag: behind."""

    def __init__(self) -> None:
        self._lags = Sample()
        self._outside, self._back, self._jump = Tally(), Tally(), Tally()
        self._frames = 0
        self._first_s = self._last_s = self._lag_s = 0.0
        self._still = True
        self._outside_lag_s = self._outside_at_s = self._back_most_s = self._jump_most_s = 0.0
        self._example = ""

    def see(self, record: SentRecord) -> None:
        if record.frame is None:
            return
        captured_s = to_ms(record.frame.captured_at) / 1000
        lag_s = record.broker_s - captured_s
        if self._frames == 0:
            self._first_s, self._example = captured_s, record.position
        else:
            self._still = self._still and captured_s == self._first_s
            if captured_s < self._last_s:
                self._back.hit(record)
                self._back_most_s = max(self._back_most_s, self._last_s - captured_s)
            if abs(lag_s - self._lag_s) > JUMP_S:
                self._jump.hit(record)
                self._jump_most_s = max(self._jump_most_s, abs(lag_s - self._lag_s))
        if not -AHEAD_MOST_S <= lag_s <= BEHIND_MOST_S:
            if not self._outside.count:
                self._outside_lag_s, self._outside_at_s = lag_s, captured_s
            self._outside.hit(record)
        self._lags.add(lag_s)
        self._frames += 1
        self._last_s, self._lag_s = captured_s, lag_s

    def findings(self, flow: Flow) -> list[Finding]:
        if not self._frames:
            return []
        everywhere = Tally(self._frames, self._example)
        if self._still and self._frames >= FEW and flow.last_s - flow.first_s > 0.1:
            return [everywhere.found(
                flow, "constant_clock", Level.ERROR, what="captured_at is the same in every frame",
                cost="heartbeats, budget and blocks go by this time", mend="send the time of each capture",
            )]  # fmt: skip
        off = self._zone(flow, everywhere) or self._outside_range(flow) or self._offset(flow, everywhere)
        return [*off, *self._order(flow)]

    def _outside_range(self, flow: Flow) -> list[Finding]:
        if not self._outside.count:
            return []
        broker_s = self._outside_at_s + self._outside_lag_s
        mend = "set the camera's clock (NTP), or take the time where you publish"
        for unit, factor in (("seconds", 1e3), ("microseconds", 1e-3), ("nanoseconds", 1e-6)):
            if abs(broker_s - self._outside_at_s * factor) < DAY_S:
                mend = f"it looks like {unit}: milliseconds since 1970 are wanted"
        ahead = f"{in_time(self._outside_lag_s)} {_side(self._outside_lag_s)} the broker"
        return [self._outside.found(flow, "clock_skew", Level.ERROR, what=ahead, cost=SKEWED, mend=mend)]

    def _order(self, flow: Flow) -> list[Finding]:
        found = []
        if self._back.count:
            found.append(self._back.found(
                flow, "clock_back", Level.WARNING,
                what=f"captured_at goes back, by {in_time(self._back_most_s)} at most",
                cost="the camera's budget and heartbeats go by this time",
                mend="slew the clock, do not step it; send frames in the order of their capture",
            ))  # fmt: skip
        # Where most frames jump, there is no clock to speak of: a file or a spool is read.
        if 0 < self._jump.count <= max(1, self._frames // 10) and self._frames > FEW:
            found.append(self._jump.found(
                flow, "clock_jump", Level.WARNING,
                what=f"captured_at jumps against the broker's time, by {in_time(self._jump_most_s)} at most",
                cost="frames of one minute get times of another",
                mend="slew the clock, do not step it; frames that were held back are all right",
            ))  # fmt: skip
        return found

    def _zone(self, flow: Flow, everywhere: Tally) -> list[Finding]:
        lag_s, steps = self._lags.median, round(self._lags.median / ZONE_STEP_S)
        near = abs(lag_s - steps * ZONE_STEP_S) < ZONE_SLACK_S and self._is_steady(flow)
        if self._frames < FEW or not near or not 0 < abs(steps) <= ZONE_STEPS:
            return []
        return [everywhere.found(
            flow, "time_zone", Level.ERROR,
            what=f"{abs(steps) / 2:g} h {_side(lag_s)} the broker: local time sent as UTC?",
            cost="event times, day and night, blocks are hours off" if lag_s > 0 else SKEWED, mend="send UTC",
        )]  # fmt: skip

    def _offset(self, flow: Flow, everywhere: Tally) -> list[Finding]:
        lag_s = self._lags.median
        off = f"{in_time(lag_s)} {_side(lag_s)} the broker"
        if self._frames < FEW:
            return []
        if lag_s < -AHEAD_S:
            return [everywhere.found(
                flow, "clock_ahead", Level.WARNING, what=off, cost=f"beyond {AHEAD_MOST_S:g} s {SKEWED}", mend="run NTP"
            )]  # fmt: skip
        if lag_s > BEHIND_S and self._is_steady(flow):
            return [everywhere.found(
                flow, "clock_behind", Level.WARNING, what=f"{off}, steadily",
                cost="event times are off by as much",
                mend="run NTP; if frames wait that long on their way, find where",
            )]  # fmt: skip
        if lag_s > BEHIND_S:
            return [everywhere.found(
                flow, "not_live", Level.NOTE, what=f"{off}, by the median", cost="none for files and spools",
                mend="a live camera should be here within seconds",
            )]  # fmt: skip
        return []

    def _is_steady(self, flow: Flow) -> bool:
        spread_s = self._lags.quantile(0.9) - self._lags.quantile(0.1)
        return spread_s < max(STEADY_S, (flow.last_s - flow.first_s) / 10)


def _side(lag_s: float) -> str:
    return "behind" if lag_s > 0 else "ahead of"

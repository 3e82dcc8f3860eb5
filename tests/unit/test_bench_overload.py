"""What `winnow bench overload` calls a fault: a run that proves nothing must not pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from winnow_cli.bench.overload_result import LoadResult, faults

LIMIT_S, LAST = 3.0, 2


def result(*lags: tuple[float, bool]) -> LoadResult:
    """A run with a verdict each second, of this age and with reduced effort or not."""
    timed = [(float(at_s), age_s, reduced) for at_s, (age_s, reduced) in enumerate(lags)]
    return LoadResult(15.0, 10.0, len(lags), verdicts=len(lags), lags=timed)


FULL, BACK = (0.1, False), [(0.2, False), (0.1, False)]
OFF = result(FULL, (2.0, False), (4.0, False), (7.0, False), *BACK)
ON = result(FULL, (2.0, False), (3.2, True), (2.0, True), *BACK)


@pytest.mark.parametrize(
    ("off", "on", "told"),
    [
        (OFF, ON, ""),
        (OFF, result(FULL, (6.0, True), *BACK), ""),
        (result(FULL, (2.9, False), *BACK), ON, "no overload: without the switch the lag was at most 2.9 s"),
        (OFF, result(FULL, (2.0, False), *BACK), "no frame was judged with reduced effort"),
        (OFF, result(FULL, (3.2, True), (2.0, True), (1.6, True), FULL), "1 of the last 2 frames were still"),
        (OFF, result(FULL, (6.1, True), *BACK), "the lag was up to 6.1 s, over twice the limit of 3 s"),
        (result(FULL, (4.0, True), *BACK), ON, "overload off: 1 frames were judged with reduced effort"),
        (OFF, replace(ON, frames=7), "overload on: 7 frames have 6 verdicts"),
        (replace(OFF, twice=1), ON, "overload off: 6 frames have 6 verdicts, 1 of them second ones"),
        (OFF, LoadResult(15.0, 10.0, 3), "overload on: 3 frames have 0 verdicts"),
    ],
)  # fmt: skip
def test_a_run_holds_only_where_it_was_overload_was_met_and_passed(off: LoadResult, on: LoadResult, told: str) -> None:
    found = faults(off, on, limit_s=LIMIT_S, last=LAST)
    if told:
        assert any(told in fault for fault in found), found
    else:
        assert found == []

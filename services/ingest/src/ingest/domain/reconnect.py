"""How long to wait before a camera is asked again."""

from __future__ import annotations

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STABLE_S = 30.0
"""A connection that gave frames for so long was a good one: the next wait is a short one."""


class Reconnect:
    """Exponential back-off with jitter: each wait is half fixed, half drawn, so that cameras do not come in step."""

    def __init__(self) -> None:
        self._wait_s = FIRST_WAIT_S

    def wait_s(self, connected_s: float, draw: float, *, denied: bool = False) -> float:
        """Seconds until the next try, after a connection that gave frames for `connected_s` (0: none).

        `draw` is a uniform number in [0, 1). `denied`: the camera answers and refuses, so that soon again is no use.
        """
        if connected_s >= STABLE_S:
            self._wait_s = FIRST_WAIT_S
        longest_s = LONGEST_WAIT_S if denied else self._wait_s
        self._wait_s = min(LONGEST_WAIT_S, self._wait_s * 2)
        return longest_s * (0.5 + draw / 2)

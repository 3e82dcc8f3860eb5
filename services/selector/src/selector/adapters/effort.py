"""The choice of effort, by how old a camera's frames are when they are taken up."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from selector.domain.effort import Effort
from selector.domain.policy import PolicyInForce
from winnow import metrics
from winnow.clock import now

RELIEF = 0.5
"""Effort is full again below this share of the policy's limit: else it would change with every frame."""

LASTS_S = 60.0
"""A camera of which nothing came for so long is not behind any more."""


class Efforts:
    """Reduced from the policy's `overload_after_s` of lag on, full again below half of it; for each camera by itself.

    Lag is now minus the broker's time of the frame at hand. What is remembered goes with the process: the verdict of a
    frame says which effort it got, and nothing else depends on it. Thread-safe.
    """

    def __init__(self, in_force: Callable[[str], PolicyInForce]) -> None:
        self._in_force = in_force
        self._reduced_at: dict[str, float] = {}
        metrics.reduced_effort_cameras.set_function(self._in_use)

    def choose(self, camera_id: str, broker_time: datetime) -> Effort:
        """The effort for a frame that is taken up now."""
        policy = self._in_force(camera_id).policy
        behind = camera_id in self._reduced_at
        if policy.overload:
            lag_s = (now() - broker_time).total_seconds()
            if lag_s > policy.overload_after_s * (RELIEF if behind else 1.0):
                self._reduced_at[camera_id] = time.monotonic()
                return Effort.REDUCED
        if behind:
            self._reduced_at.pop(camera_id, None)
        return Effort.FULL

    def _in_use(self) -> float:
        since = time.monotonic() - LASTS_S
        for camera_id, at in list(self._reduced_at.items()):
            if at < since:
                self._reduced_at.pop(camera_id, None)
        return float(len(self._reduced_at))

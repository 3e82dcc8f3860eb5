"""How far behind the broker's time a loop is, at the moment of asking."""

from __future__ import annotations

import time

from confluent_kafka import Message

from winnow import metrics


class TimeLag:
    """The age of the oldest record that a loop has at hand; 0 when it has none. It grows while a loop is stuck."""

    def __init__(self, topic: str) -> None:
        self._since_s: float | None = None
        metrics.time_lag.labels(topic).set_function(self._lag_s)

    def at(self, message: Message) -> None:
        """This record, the first of a batch, is at hand now."""
        _, timestamp_ms = message.timestamp()
        if message.error() is None and timestamp_ms > 0:
            self._since_s = timestamp_ms / 1000

    def caught_up(self) -> None:
        """Everything was handled."""
        self._since_s = None

    def _lag_s(self) -> float:
        since_s = self._since_s
        return 0.0 if since_s is None else max(0.0, time.time() - since_s)

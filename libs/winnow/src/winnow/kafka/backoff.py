"""How a group member waits without leaving its group: partitions paused, polls going on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, Message, TopicPartition

from winnow import metrics
from winnow.errors import DependencyDown
from winnow.health import Health

log = structlog.get_logger()

POLL_S = 0.2
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0


class BackOff:
    """Waits of one consumer. While `waiting`, whoever assigns a partition to it pauses that one too.

    `running` gives the partitions to pause, and afterwards those to resume: rebalances go on meanwhile. What a wait
    returns are the messages that its polls gave all the same: errors, mostly.
    """

    def __init__(self, consumer: Consumer, running: Callable[[], list[TopicPartition]], health: Health) -> None:
        self._consumer = consumer
        self._running = running
        self._health = health
        self._wait_s = FIRST_WAIT_S
        self.waiting = False

    def reset(self) -> None:
        """What was away is back: the next wait is a short one."""
        self._wait_s = FIRST_WAIT_S

    def after(self, error: DependencyDown, stop: threading.Event) -> list[Message]:
        """Waits for a server: 0.5 s, then twice as long each time up to 10 s, or until `stop`."""
        metrics.dependency_down.labels(str(error).split(":", 1)[0]).inc()
        log.warning("waiting; nothing is skipped", reason=str(error), retry_in_s=self._wait_s)
        end = time.monotonic() + self._wait_s
        self._wait_s = min(LONGEST_WAIT_S, self._wait_s * 2)
        return self.until(lambda: stop.is_set() or time.monotonic() >= end)

    def until(self, over: Callable[[], bool]) -> list[Message]:
        """Waits until `over`, which is asked between polls."""
        messages: list[Message] = []
        self.waiting = True
        self._consumer.pause(self._running())
        try:
            while not over():
                self._health.beat()
                message = self._consumer.poll(POLL_S)
                if message is not None:
                    messages.append(message)
        finally:
            self.waiting = False
        self._consumer.resume(self._running())
        return messages

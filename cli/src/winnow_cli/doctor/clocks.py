"""The servers' clocks against this machine's."""

from __future__ import annotations

import asyncio
import math
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from winnow.kafka import config
from winnow.settings import DatabaseSettings, KafkaSettings
from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning
from winnow_cli.doctor.storage import connect

REQUEST_TIMEOUT_S = 2.0
APART_S = 1.0
"""Lag, silence and `clock_skew` are told between these clocks; below this nobody notices."""

WATCH_S, EVERY_S = 1.0, 0.05


@dataclass(frozen=True, slots=True)
class Apart:
    """A server's clock minus ours is between these, in seconds; `high` is infinite where only `low` is known."""

    low: float
    high: float

    @property
    def off(self) -> bool:
        return self.low > APART_S or self.high < -APART_S

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low:.1f} s ahead" if self.low > 0 else "not ahead"
        middle, about = (self.low + self.high) / 2, (self.high - self.low) / 2
        return f"{middle:+.1f} s" if abs(middle) > about else f"within {max(about, 0.01):.2g} s"


Clock = Callable[[], Apart | None]
"""Asks a server for its time; None where it does not tell."""


def clocks(servers: dict[str, Clock]) -> Answer:
    """How far each server's clock is from this machine's."""
    found = {name: apart for name, ask in servers.items() if (apart := ask()) is not None}
    if not found:
        return not_looked_at("no server tells its time")
    off = [f"{name} {apart}" for name, apart in found.items() if apart.off]
    if off:
        return warning(f"apart from this machine's: {', '.join(off)}", "run a time service on both machines")
    return ok(", ".join(f"{name} {apart}" for name, apart in found.items()))


def of_database(settings: DatabaseSettings) -> Apart:
    """By its own statement."""

    async def ask() -> Apart:
        connection = await connect(settings)
        try:
            before_s = time.time()
            there: datetime = await connection.fetchval("SELECT clock_timestamp()")
            return between(there.timestamp(), before_s, time.time())
        finally:
            connection.terminate()

    return asyncio.run(ask())


def of_http(url: str) -> Apart | None:
    """By the Date header of any answer, which has whole seconds."""
    before_s = time.time()
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT_S) as response:  # noqa: S310 (a setting)
            date = response.headers["Date"]
    except urllib.error.HTTPError as error:
        date = error.headers["Date"]
    except OSError:
        return None
    try:
        second = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
    return between(second, before_s, time.time(), unsure_s=1.0)


def of_broker(settings: KafkaSettings) -> Apart | None:
    """By the append times of the frames topic, the only time that a broker tells.

    Where a frame comes within `WATCH_S`, both ways; else it shows only whether the newest is ahead of this machine.
    """
    admin = AdminClient(config.admin(settings))
    topic = admin.list_topics(settings.names.frames, timeout=REQUEST_TIMEOUT_S).topics[settings.names.frames]
    wanted = [TopicPartition(settings.names.frames, partition) for partition in topic.partitions]

    def newest_s() -> float:
        futures = admin.list_offsets(
            dict.fromkeys(wanted, OffsetSpec.max_timestamp()), request_timeout=REQUEST_TIMEOUT_S
        )
        return max((future.result().timestamp / 1000 for future in futures.values()), default=-1.0)

    first_s, asked_s = newest_s(), time.time()
    until = time.monotonic() + WATCH_S
    while time.monotonic() < until:
        time.sleep(EVERY_S)
        before_s = asked_s
        later_s, asked_s = newest_s(), time.time()
        if later_s > first_s:
            return between(later_s, before_s - EVERY_S, asked_s)
    return Apart(first_s - asked_s, math.inf) if first_s > 0 else None


def between(there_s: float, before_s: float, after_s: float, *, unsure_s: float = 0.0) -> Apart:
    """What a server's time says that was true between two moments of ours; it may be up to `unsure_s` later."""
    return Apart(there_s - after_s, there_s + unsure_s - before_s)

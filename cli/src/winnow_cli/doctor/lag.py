"""How far a service is behind its topics, and whether it moves."""

from __future__ import annotations

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from ledger.adapters.topics import Topics
from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.kafka.restore import TRANSIENT, span_consumer
from winnow.settings import KafkaSettings
from winnow_cli.doctor.finding import Answer, ok, warning, wrong

REQUEST_TIMEOUT_S = 2.5
BEHIND_S = 30.0
"""Older than this unread: behind. The services commit within 5 s of reading."""

WATCH_S = 6.0
"""Longer than the longest linger of a service, the ledger's 5 s: what does not move in it is stuck."""

WITHIN_S = WATCH_S + 3.0

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The first record that a group has not read in a partition, and the number of offsets from it to the end."""

    offset: int
    at_ms: int
    offsets: int

    def age_s(self, now_s: float) -> float:
        return max(0.0, now_s - self.at_ms / 1000)


def lag(settings: KafkaSettings, service: str, topics: list[str], *, behind_s: float = BEHIND_S) -> Answer:
    """Members, unread records and their age; where the age is above `behind_s`, whether the offsets move at all."""
    reader = Topics(settings, client_id="winnow-doctor")
    group = settings.names.group(service)
    starting = f"start the {service} (`winnow up`), or look at `winnow logs {service}`"
    members = _members(settings, group)
    found, expired = _unread(settings, reader, group, topics)
    told = f"{members} member{'' if members == 1 else 's'}"
    if expired:
        places = "; ".join(f"{topic}/{partition}: {offsets}" for (topic, partition), offsets in expired.items())
        return wrong(
            f"{told}; retention took records before they were read ({places})",
            f"{starting}; `winnow balance` counts what expired",
        )
    if not found:
        return ok(f"{told}, nothing unread") if members else warning("no member; nothing is unread", starting)
    now_s = time.time()
    oldest_s = max(one.age_s(now_s) for one in found.values())
    behind = f"up to {sum(one.offsets for one in found.values())} unread, the oldest for {_duration(oldest_s)}"
    if not members:
        return wrong(f"no member; {behind}", starting)
    late = {place: one for place, one in found.items() if one.age_s(now_s) > behind_s}
    if not late:
        return ok(f"{told}, {behind}")
    stuck = _stuck(reader, group, late)
    if stuck:
        places = ", ".join(f"{topic}/{partition} at {late[topic, partition].offset}" for topic, partition in stuck)
        return wrong(f"{told}, {behind}; stuck for {WATCH_S:g} s of watching: {places}", f"winnow logs {service} -n 30")
    return warning(f"{told}, {behind}; it moves", f"wait, or run more than one {service}")


def _members(settings: KafkaSettings, group: str) -> int:
    admin = AdminClient(config.admin(settings))
    try:
        future = admin.describe_consumer_groups([group], request_timeout=REQUEST_TIMEOUT_S)[group]
        return len(future.result().members)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise DependencyDown(f"broker: group {group}: {error.args[0].str()}") from error


def _unread(
    settings: KafkaSettings, reader: Topics, group: str, topics: list[str]
) -> tuple[dict[Place, Unread], dict[Place, int]]:
    """What is unread by partition, and how many offsets retention took that were to be read."""
    wanted: dict[Place, tuple[int, int]] = {}
    expired: dict[Place, int] = {}
    for topic in topics:
        committed, starts, ends = reader.committed(group, topic), reader.starts(topic), reader.ends(topic)
        for partition, end in ends.items():
            first = committed.get(partition, starts[partition])
            if first < starts[partition]:
                expired[topic, partition] = starts[partition] - first
            elif first < end:
                wanted[topic, partition] = (first, end)
    return _first_records(settings, wanted), expired


def _first_records(settings: KafkaSettings, wanted: dict[Place, tuple[int, int]]) -> dict[Place, Unread]:
    """The first record of each span of offsets; spans of nothing but transaction markers are left out."""
    if not wanted:
        return {}
    found: dict[Place, Unread] = {}
    consumer: Consumer = span_consumer(settings, client_id="winnow-doctor")
    try:
        consumer.assign([TopicPartition(*place, first) for place, (first, _) in wanted.items()])
        missing = set(wanted)
        while missing:
            message = consumer.poll(0.2)
            if message is None:
                continue
            place = (str(message.topic()), int(message.partition() or 0))
            error = message.error()
            if error is None:
                if place in missing:
                    first, end = wanted[place]
                    found[place] = Unread(int(message.offset() or 0), message.timestamp()[1], end - first)
                    consumer.incremental_unassign([TopicPartition(*place)])
                missing.discard(place)
            elif error.code() == KafkaError._PARTITION_EOF:
                missing.discard(place)
            elif not error.retriable() and error.code() not in TRANSIENT:
                raise DependencyDown(f"broker: {place[0]}/{place[1]}: {error}")
        return found
    finally:
        consumer.close()


def _stuck(reader: Topics, group: str, late: dict[Place, Unread]) -> list[Place]:
    """The partitions whose committed offset stands still for `WATCH_S`."""
    topics = {topic for topic, _ in late}
    before = {topic: reader.committed(group, topic) for topic in topics}
    still = sorted(late)
    until = time.monotonic() + WATCH_S
    while still and time.monotonic() < until:
        time.sleep(0.2)
        now = {topic: reader.committed(group, topic) for topic in topics}
        still = [(t, p) for t, p in still if now[t].get(p) == before[t].get(p)]
    return still


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

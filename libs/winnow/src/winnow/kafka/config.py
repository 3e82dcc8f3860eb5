"""Client settings, each where a measurement or a default's trap asks for it."""

from __future__ import annotations

import logging
from typing import Any

from winnow.settings import KafkaSettings

Config = dict[str, Any]

CLIENT_LOGGER = "winnow.kafka.client"
"""What the client library itself has to say: JSON lines in a service, nothing in a command."""

MAX_RECORD_BYTES = 3 * 1024 * 1024


def admin(settings: KafkaSettings) -> Config:
    return {**_connection(settings), "socket.timeout.ms": 10_000}


def _connection(settings: KafkaSettings) -> Config:
    # The default backs off to 10 s: a broker that was away for as long is then found again after up to 20, and what
    # must be done within a transaction's 15 s has timed out.
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "reconnect.backoff.ms": 250,
        "reconnect.backoff.max.ms": 1000,
        "logger": logging.getLogger(CLIENT_LOGGER),
    }


def consumer(settings: KafkaSettings, group: str, *, client_id: str) -> Config:
    """A member of a group that commits by hand and is told, never silently moved, when an offset has expired."""
    config = {
        **reader(settings, client_id=client_id),
        "group.id": group,
        "group.protocol": settings.group_protocol,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "max.poll.interval.ms": 120_000,
    }
    if settings.group_protocol == "classic":
        config["partition.assignment.strategy"] = "cooperative-sticky"
    return config


def reader(settings: KafkaSettings, *, client_id: str) -> Config:
    """A consumer that is given its partitions: for restoring state, reading tables and looking things up."""
    return {
        **_connection(settings),
        "client.id": client_id,
        "group.id": f"{client_id}-unused",  # the constructor asks for one; nothing is committed under it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": False,
        "auto.offset.reset": "error",  # the default would jump to the end where retention was quicker
        # The default of 1000 ms stalls image topics whenever the local queue is full: 144/s against 955/s with 20.
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 32_768,
        "queued.min.messages": 1000,
        "fetch.message.max.bytes": MAX_RECORD_BYTES,
        "check.crcs": True,
    }


def producer(settings: KafkaSettings, *, client_id: str) -> Config:
    """An idempotent producer. Keys go where Java's clients would put them."""
    return {
        **_connection(settings),
        "client.id": client_id,
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "message.max.bytes": MAX_RECORD_BYTES + 64 * 1024,
        "queue.buffering.max.kbytes": 65_536,
        "linger.ms": 5,
        "delivery.timeout.ms": 120_000,
    }


def transactional_producer(settings: KafkaSettings, transactional_id: str, *, client_id: str) -> Config:
    """A producer whose outputs, state and offsets move together."""
    return {
        **producer(settings, client_id=client_id),
        "transactional.id": transactional_id,
        "transaction.timeout.ms": 15_000,
        "delivery.timeout.ms": 15_000,
        # Back to back commits at the default of 100 ms have a p95 of 119 ms; with 5 ms it is 15.
        "retry.backoff.ms": 5,
        "linger.ms": 0,
        "compression.type": "zstd",
        "compression.level": 1,
    }

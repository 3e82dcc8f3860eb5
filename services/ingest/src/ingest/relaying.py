"""A plain topic into the broker's frames, until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

from ingest.adapters.records import FrameRecords
from ingest.adapters.topic import SERVICE, TopicFrames, prepare
from ingest.domain.source import TOPIC, Source
from ingest.playing import Played
from ingest.settings import IngestSettings
from winnow import metrics
from winnow.errors import DependencyDown, WinnowError
from winnow.health import Health
from winnow.kafka.consumer import ConsumerLoop

log = structlog.get_logger()

BATCH_MAX = 64
LINGER_S = 0.02
RETRY_S = 2.0


def relay(
    source: Source,
    settings: IngestSettings,
    records: FrameRecords,
    stop: threading.Event,
    progressed: Callable[[Played], None] = lambda _: None,
) -> Played:
    """Takes records as a member of the group `<namespace>.ingest.<topic>` until `stop`. Raises nothing of its source.

    What names no camera counts as refused; it lies in the topic's dead letters.
    """
    topic = source.source.removeprefix(TOPIC)
    played = Played(source.camera, source.source)

    def answered(frame: bool) -> None:
        played.frames += 1
        if frame:
            played.published += 1
            metrics.frames_published.labels(source.source).inc()
        else:
            played.refused += 1
            metrics.dead_letters.labels(topic, SERVICE).inc()
        progressed(played)

    try:
        if _prepared(settings, topic, stop):
            played.state = "goes on with what comes"
            progressed(played)
            ConsumerLoop(
                settings,
                group=f"{settings.names.group(SERVICE)}.{topic}",
                topics=[topic],
                handler=TopicFrames(settings, records, topic, answered),
                health=Health(),  # the service lives while any of its sources does; how far this one is, lag says
                client_id=f"{SERVICE}-{topic}",
                batch_max=BATCH_MAX,
                linger_s=LINGER_S,
            ).run(stop)
    except (WinnowError, KafkaException) as error:
        played.error = str(error)
    played.state = ""
    played.interrupted = stop.is_set()
    progressed(played)
    return played


def _prepared(settings: IngestSettings, topic: str, stop: threading.Event) -> bool:
    """False when it was told to stop first."""
    while not stop.is_set():
        try:
            prepare(settings, topic)
        except DependencyDown as error:
            metrics.dependency_down.labels(str(error).split(":", 1)[0]).inc()
            log.warning("waiting; nothing is lost", reason=str(error), retry_in_s=RETRY_S)
            stop.wait(RETRY_S)
        else:
            return True
    return False

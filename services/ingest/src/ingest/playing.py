"""One source into the broker: every frame of it acknowledged, refused or failed, and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, KafkaException

from ingest.adapters.doors import NotTaken, open_door
from ingest.domain.source import Source
from winnow import metrics
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Frame
from winnow.kafka.producer import Publisher
from winnow.settings import KafkaSettings

log = structlog.get_logger()


@dataclass
class Played:
    """What became of a source: `frames` it gave = `published` (acknowledged) + `refused` + `failed`."""

    camera: str
    source: str
    frames: int = 0
    published: int = 0
    refused: int = 0
    failed: int = 0
    interrupted: bool = False
    error: str = ""

    @property
    def whole(self) -> bool:
        """The source was read to its end and the broker has acknowledged every frame of it."""
        return not self.error and not self.interrupted and self.published == self.frames > 0


def play(
    source: Source,
    kafka: KafkaSettings,
    codec: Codec,
    stop: threading.Event,
    progressed: Callable[[Played], None] = lambda _: None,
) -> Played:
    """Sends the source until its end or `stop`, and waits for the broker's answers. Raises nothing of its source."""
    played = Played(source.camera, source.source)
    publisher = Publisher(kafka, client_id=f"ingest-{source.camera}")
    pace = _Pace(stop) if source.live else None

    def reported(error: KafkaError | None) -> None:
        if error is None:
            played.published += 1
            metrics.frames_published.labels(source.camera).inc()

    try:
        with closing(open_door(source)) as door:  # type: ignore[type-var]
            for item in door:
                if stop.is_set() or (pace is not None and isinstance(item, Frame) and not pace.wait(item)):
                    played.interrupted = True
                    break
                played.frames += 1
                if isinstance(item, NotTaken):
                    played.refused += 1
                    metrics.frames_refused.labels(source.camera, item.reason).inc()
                    log.warning("not taken", camera=source.camera, name=item.name, why=item.why)
                else:
                    value = codec.encode(kafka.names.frames, item)
                    publisher.publish(kafka.names.frames, source.camera, value, reported=reported)
                progressed(played)
    except (WinnowError, OSError, KafkaException) as error:
        played.error = str(error)
    try:
        publisher.flush()
    except WinnowError as error:
        played.error = played.error or str(error)
    played.failed = played.frames - played.published - played.refused
    if played.failed:
        metrics.frames_failed.labels(source.camera).inc(played.failed)
    if not played.frames and not played.error and not played.interrupted:
        played.error = "not one frame"
    progressed(played)
    return played


class _Pace:
    """Holds each frame back until its time after the first; nothing is dropped when it is late already."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._first: tuple[float, Frame] | None = None

    def wait(self, frame: Frame) -> bool:
        """False when `stop` came first."""
        if self._first is None:
            self._first = (time.monotonic(), frame)
        began, first = self._first
        due = began + (frame.captured_at - first.captured_at).total_seconds()
        return not self._stop.wait(max(due - time.monotonic(), 0.0))

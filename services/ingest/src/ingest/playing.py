"""One source into the broker: every frame of it acknowledged, refused or failed, and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, KafkaException

from ingest.adapters.child import Stopped
from ingest.adapters.doors import NotTaken, open_door
from ingest.adapters.follow import Follower, Idle, Offered, followed
from ingest.adapters.records import FrameRecords
from ingest.adapters.sender import Sender
from ingest.domain.source import Source
from ingest.settings import IngestSettings
from winnow import metrics
from winnow.errors import WinnowError
from winnow.events import Frame

log = structlog.get_logger()

AGAIN = "Publish the source again: of a camera's last 4,096 frames, those already there come back as redelivered."


@dataclass
class Played:
    """What became of a source: `frames` it gave = `published` (acknowledged) + `refused` + `failed` + `dropped`.

    `dropped` is of live cameras alone, `state` of what goes on until it is told to stop.
    """

    camera: str
    source: str
    frames: int = 0
    published: int = 0
    refused: int = 0
    failed: int = 0
    dropped: int = 0
    state: str = ""
    interrupted: bool = False
    error: str = ""

    @property
    def whole(self) -> bool:
        """The source was read to its end and the broker has acknowledged every frame of it."""
        return not self.error and not self.interrupted and self.published == self.frames > 0


def play(
    source: Source,
    settings: IngestSettings,
    records: FrameRecords,
    stop: threading.Event,
    progressed: Callable[[Played], None] = lambda _: None,
) -> Played:
    """Sends the source until its end or `stop`, and waits for the broker's answers. Raises nothing of its source."""
    played = Played(source.camera, source.source)
    why_failed = ""

    def answered(error: KafkaError | None) -> None:
        nonlocal why_failed
        if error is None:
            played.published += 1
            metrics.frames_published.labels(source.camera).inc()
        elif str(error) != why_failed:  # once, where thousands fail alike; all are counted below
            why_failed = str(error)
            log.error("the broker did not take a frame", camera=source.camera, reason=why_failed)

    sender = Sender(settings, records, source.camera, stop, answered)
    # Closed after the last answer: what is followed remembers what the broker has acknowledged.
    with ExitStack() as ends:
        try:
            door = (
                Follower(source, settings)
                if followed(source)
                else open_door(source, stop, timeout_s=settings.ingest_video_timeout_s)
            )
            ends.enter_context(closing(door))  # type: ignore[type-var]
            pace = _Pace(sender) if source.live else None
            for item in door:
                if stop.is_set() or not _taken(item, played, sender, pace, progressed):
                    played.interrupted = True
                    break
        except Stopped:
            played.interrupted = True
        except (WinnowError, OSError, KafkaException) as error:
            played.error = str(error)
        unanswered = sender.finish()
    played.state = ""
    played.failed = played.frames - played.published - played.refused
    if played.failed:
        metrics.frames_failed.labels(source.camera).inc(played.failed)
        why_failed = why_failed or f"{unanswered} had no answer when it was told to stop"
        told = f"the broker did not take {played.failed} of {played.frames} frames ({why_failed}). {AGAIN}"
        played.error = f"{played.error}; {told}" if played.error else told
    elif played.error and played.published:
        played.error += f"; the {played.published} frames before are published"
    if not played.frames and not played.error and not played.interrupted:
        played.error = "not one frame"
    progressed(played)
    return played


def _taken(
    item: Frame | Offered | NotTaken | Idle,
    played: Played,
    sender: Sender,
    pace: _Pace | None,
    progressed: Callable[[Played], None],
) -> bool:
    """Sends, waits or tells, whatever the item asks for; False when it was told to stop first."""
    if isinstance(item, Idle):
        played.state = "waiting for new ones"
        progressed(played)
        return sender.pause(time.monotonic() + item.seconds)
    if isinstance(item, NotTaken):
        played.refused += 1
        metrics.frames_refused.labels(played.camera, item.reason).inc()
        log.warning("not taken", camera=played.camera, name=item.name, why=item.why)
    elif isinstance(item, Offered):
        if not sender.send(item.frame, item.acknowledged):
            return False
    elif (pace is not None and not pace.wait(item)) or not sender.send(item):
        return False
    played.frames += 1
    progressed(played)
    return True


class _Pace:
    """Holds each frame back until its time after the first; nothing is dropped when it is late already."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._first: tuple[float, Frame] | None = None

    def wait(self, frame: Frame) -> bool:
        """False when it was told to stop first."""
        if self._first is None:
            self._first = (time.monotonic(), frame)
        began_s, first = self._first
        return self._sender.pause(began_s + (frame.captured_at - first.captured_at).total_seconds())

"""A live camera into the broker until it is told to stop: the newest frames go on, the oldest are dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError

from ingest.adapters.doors import NotTaken
from ingest.adapters.live_camera import LiveCamera
from ingest.adapters.live_sender import LiveSender
from ingest.adapters.newest import Newest
from ingest.adapters.records import FrameRecords
from ingest.domain.source import Source
from ingest.playing import Played
from winnow import metrics
from winnow.errors import DependencyDown, Refused
from winnow.events import Frame
from winnow.settings import KafkaSettings

log = structlog.get_logger()

SLICE_S = 0.2
"""How long a wait goes on without a look at `stop`."""

RETRY_S = 2.0
"""Between two tries to make a record while registry, object storage or the table of cameras are away."""

SILENCE_S = 5.0
"""The broker is called away after so long without an answer."""

GRACE_S = 2.0
"""After `stop`, for the answers to what has been handed over."""


def play_live(
    source: Source,
    kafka: KafkaSettings,
    records: FrameRecords,
    stop: threading.Event,
    progressed: Callable[[Played], None] = lambda _: None,
) -> Played:
    """Sends what the camera gives until `stop`. Raises nothing of its source."""
    played = Played(source.camera, source.name)
    _Stream(source, kafka, records, played).run(stop, progressed)
    played.interrupted = True
    progressed(played)
    return played


class _Stream:
    """Counts add up: `frames` = `published` + `refused` + `failed` + `dropped`, and what is on its way."""

    def __init__(self, source: Source, kafka: KafkaSettings, records: FrameRecords, played: Played) -> None:
        self._source = source
        self._played = played
        self._waiting = Newest()
        self._sender = LiveSender(kafka, records, source.camera, self._answered)
        self._jam = _Jam(played)
        self._retry_at_s = 0.0
        self._counting = threading.Lock()  # frames are dropped on two threads

    def run(self, stop: threading.Event, progressed: Callable[[Played], None]) -> None:
        with LiveCamera(self._source, self._take) as camera:
            while not stop.is_set():
                self._turn(stop)
                camera.look()
                self._played.state = camera.state
                progressed(self._played)
        unanswered = self._sender.finish(GRACE_S)
        self._drop(len(self._waiting))
        self._played.state = ""
        if unanswered:
            self._fail(unanswered)
            self._played.error = (
                f"{unanswered} of {self._played.frames} frames had no answer of the broker when it was told to stop"
            )

    def _turn(self, stop: threading.Event) -> None:
        """Sends what waits, for about `SLICE_S`."""
        until_s = time.monotonic() + SLICE_S
        while not stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            if self._retry_at_s > time.monotonic():
                self._sender.room(0)
                stop.wait(min(left_s, SLICE_S))
            elif self._sender.room(left_s) and (frame := self._waiting.take(left_s)) is not None:
                self._send(frame)
        self._jam.look(waiting=len(self._waiting), on_their_way=self._sender.open)

    def _send(self, frame: Frame) -> None:
        try:
            self._sender.send(frame)
        except (DependencyDown, Refused) as error:
            metrics.dependency_down.labels(str(error).split(":", 1)[0]).inc()
            self._retry_at_s = time.monotonic() + RETRY_S
            self._jam.begin(str(error))
            self._drop(self._waiting.put_back(frame))

    def _take(self, item: Frame | NotTaken) -> None:
        """On the camera's thread."""
        self._played.frames += 1
        if isinstance(item, NotTaken):
            self._played.refused += 1
            metrics.frames_refused.labels(self._source.camera, item.reason).inc()
        else:
            self._drop(self._waiting.put(item))

    def _drop(self, frames: int) -> None:
        if frames:
            with self._counting:
                self._played.dropped += frames
            metrics.frames_dropped.labels(self._source.camera).inc(frames)

    def _fail(self, frames: int) -> None:
        self._played.failed += frames
        metrics.frames_failed.labels(self._source.camera).inc(frames)

    def _answered(self, error: KafkaError | None) -> None:
        if error is None:
            self._played.published += 1
            metrics.frames_published.labels(self._source.camera).inc()
            self._jam.answer()
        else:
            self._fail(1)
            self._jam.begin(f"the broker did not take a frame: {error}")


class _Jam:
    """A time in which frames cannot go on: one line when it begins, one with what it cost when all is sent."""

    def __init__(self, played: Played) -> None:
        self._played = played
        self._began_s: float | None = None
        self._answer_s = time.monotonic()
        self._dropped_before = 0

    def begin(self, why: str) -> None:
        if self._began_s is None:
            self._began_s = time.monotonic()
            log.warning("frames wait; the newest are kept, the oldest dropped", camera=self._played.camera, reason=why)

    def answer(self) -> None:
        self._answer_s = time.monotonic()

    def look(self, *, waiting: int, on_their_way: int) -> None:
        now_s = time.monotonic()
        dropped = self._played.dropped - self._dropped_before
        if not on_their_way:
            self._answer_s = now_s
        elif now_s - self._answer_s > SILENCE_S:
            metrics.dependency_down.labels("broker").inc()
            self.begin(f"broker: no answer for {SILENCE_S:g} s")
        if dropped:
            self.begin("frames come faster than they can be sent")
        if self._began_s is not None and not waiting and self._answer_s >= self._began_s:
            lasted_s = round(now_s - self._began_s, 1)
            log.warning("frames go on", camera=self._played.camera, dropped=dropped, after_s=lasted_s)
            self._began_s, self._dropped_before = None, self._dropped_before + dropped

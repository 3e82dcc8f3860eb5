"""A live camera on a thread of its own: connected again and again, until it is told to close."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Self

import structlog

from ingest.adapters.child import ALIVE, ChildFrame, FrameChild, SourceDenied, SourceFailed
from ingest.adapters.connection import Connection
from ingest.adapters.doors import NotTaken
from ingest.domain.picture import content_type, refusal
from ingest.domain.reconnect import Reconnect
from ingest.domain.source import Source
from winnow import metrics
from winnow.clock import EPOCH, from_ms
from winnow.events import Frame
from winnow.identity import frame_id_of_file

log = structlog.get_logger()

HANGS_AFTER, SLACK_S = 3, 5.0
"""The child tells of silence by itself, after as many time-outs (to open, to analyse, to read) at the most; one that
does not hangs, and is killed."""

LEAVE_S = 1.5
"""In this time a child ends its session with the camera; then it is killed."""


class LiveCamera:
    """Gives frames and what is not taken to `take`, on its own thread, from `with` to its end.

    A frame's time is the wall clock's when it came, in whole milliseconds, each later than the one before (where the
    clock is set back: by one millisecond). Its id stands for this run (256 random bits) and its number in it, so that
    no two runs share one.
    """

    def __init__(self, source: Source, take: Callable[[Frame | NotTaken], None]) -> None:
        self._source = source
        self._take = take
        self._told = Connection.of(source).to_json()
        self._run = secrets.token_hex(32)
        self._sequence = 0
        self._last = EPOCH
        self._began_s = self._heard_s = time.monotonic()
        self._child: FrameChild | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._reconnect, name=f"camera {source.camera}", daemon=True)
        self._connected = metrics.camera_connected.labels(source.camera)
        self._silence = metrics.camera_silence.labels(source.camera)
        self.state = "connecting"

    def __enter__(self) -> Self:
        self._connected.set(0)
        self._silence.set_function(lambda: time.monotonic() - self._heard_s)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(LEAVE_S)
        self._kill()
        self._thread.join()
        for metric in (metrics.camera_connected, metrics.camera_silence):
            metric.remove(self._source.camera)

    def look(self) -> None:
        """To be called now and then: ends a child that hangs. Raises `RuntimeError` where the thread has failed."""
        if not self._thread.is_alive():
            raise RuntimeError(f"the thread of camera {self._source.camera} has failed")
        since_s = max(self._heard_s, self._began_s)
        if self._child is not None and time.monotonic() - since_s > HANGS_AFTER * self._source.timeout_s + SLACK_S:
            log.error("the decoder hangs and is killed", camera=self._source.camera)
            self._kill()

    def _kill(self) -> None:
        child = self._child
        if child is not None:
            child.kill()

    def _reconnect(self) -> None:
        reconnect = Reconnect()
        while not self._closing.is_set():
            self._began_s, frames_before = time.monotonic(), self._sequence
            why, denied = "the stream is over", False
            try:
                self._watch()
            except (SourceFailed, OSError, ValueError) as error:
                why, denied = str(error), isinstance(error, SourceDenied)
            if self._closing.is_set():
                return
            lasted_s = time.monotonic() - self._began_s if self._sequence > frames_before else 0.0
            wait_s = reconnect.wait_s(lasted_s, random.random(), denied=denied)
            self._connected.set(0)
            self.state = f"reconnecting ({why})"
            log.warning("no frames", camera=self._source.camera, source=self._source.name, reason=why,
                        again_in_s=round(wait_s, 1))  # fmt: skip
            self._closing.wait(wait_s)

    def _watch(self) -> None:
        """One connection. Raises `SourceFailed` when it is over, which it always is in the end."""
        with FrameChild("ingest.adapters.stream_child", told=self._told) as child:
            self._child = child
            try:
                if self._closing.is_set():  # whoever closes has not seen this child
                    return
                child.length_s()
                for frame in child:
                    if self._closing.is_set():
                        return
                    self._came(frame)
            finally:
                self._child = None

    def _came(self, frame: ChildFrame) -> None:
        self._heard_s = time.monotonic()
        if self.state != "connected":
            self.state = "connected"
            self._connected.set(1)
            log.info("connected", camera=self._source.camera, source=self._source.name)
        if frame.index != ALIVE:
            self._take(self._item(frame))

    def _item(self, frame: ChildFrame) -> Frame | NotTaken:
        sequence, self._sequence = self._sequence, self._sequence + 1
        refused = refusal(frame.image, len(frame.image))
        if refused is not None:
            return NotTaken(f"frame {sequence}", *(refused if frame.image else DAMAGED))
        # Frames in one millisecond would share their time, and a clock that is set back would turn their order round.
        self._last = max(from_ms(int(frame.t_s * 1000)), self._last + timedelta(milliseconds=1))
        return Frame(
            frame_id=frame_id_of_file(self._source.camera, self._run, sequence),
            camera_id=self._source.camera,
            captured_at=self._last,
            sequence=sequence,
            content_type=content_type(frame.image) or "",
            image=frame.image,
        )


DAMAGED = "damaged", "the decoder could not make it whole"

"""Frames that wait for the broker: the newest, as many as memory may hold."""

from __future__ import annotations

import threading
from collections import deque

from winnow.events import Frame

LARGEST_BYTES = 24 * 1024 * 1024
LARGEST_FRAMES = 1000


class Newest:
    """A queue that drops the oldest frames rather than grow. For one thread that puts and one that takes."""

    def __init__(self, largest_bytes: int = LARGEST_BYTES, largest_frames: int = LARGEST_FRAMES) -> None:
        self._largest_bytes = largest_bytes
        self._largest_frames = largest_frames
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame) -> int:
        """Adds the newest frame; gives how many of the oldest were dropped for it."""
        with self._changed:
            self._frames.append(frame)
            self._bytes += _size(frame)
            self._changed.notify()
            return self._trim()

    def take(self, timeout_s: float) -> Frame | None:
        """The oldest frame; None where none came in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames, timeout_s):
                return None
            frame = self._frames.popleft()
            self._bytes -= _size(frame)
            return frame

    def put_back(self, frame: Frame) -> int:
        """A frame that was taken is the oldest again; gives how many were dropped, itself first."""
        with self._changed:
            self._frames.appendleft(frame)
            self._bytes += _size(frame)
            return self._trim()

    def _trim(self) -> int:
        dropped = 0
        while len(self._frames) > self._largest_frames or (
            self._bytes > self._largest_bytes and len(self._frames) > 1
        ):  # one frame is never too many
            self._bytes -= _size(self._frames.popleft())
            dropped += 1
        return dropped


def _size(frame: Frame) -> int:
    return len(frame.image) if isinstance(frame.image, bytes) else 0

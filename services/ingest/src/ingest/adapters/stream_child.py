"""`python -m ingest.adapters.stream_child`: a live camera's frames as JPEG to standard output, until nobody reads.

What to play comes from standard input (`Connection` as JSON): a camera's address holds its password. The form is that
of `winnow_scenes.records`, with these differences: `t_s` is the wall clock when the frame came, in seconds since 1970;
a frame that the decoder calls damaged has no image; and while frames come that are not taken, one a second with index
-1 and no image says so. Exit status `DENIED` where the camera refuses, else 1, with one line on standard error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import BinaryIO

import av

from ingest.adapters.child import ALIVE, DENIED
from ingest.adapters.connection import Connection
from ingest.adapters.memory import limit_memory
from ingest.adapters.pictures import Picture, Pictures
from ingest.domain.cadence import Cadence
from winnow_scenes.lifetime import end_with_parent
from winnow_scenes.records import write_begin, write_frame

ALIVE_EVERY_S = 1.0


class Ended(Exception):
    """The stream is over; the message is for a person, and never has the address."""

    def __init__(self, why: str, status: int = 1) -> None:
        super().__init__(why)
        self.status = status


def play(connection: Connection, out: BinaryIO) -> None:
    """Writes frames as they come. Raises `Ended`."""
    try:
        with _open(connection) as container:
            if not container.streams.video:
                raise Ended("the stream has no video")
            _play(container, connection, out)
    except av.ExitError:
        raise Ended(f"no frame for {connection.timeout_s:g} s") from None
    except (av.HTTPUnauthorizedError, av.HTTPForbiddenError):
        raise Ended("the camera refuses the name or the password", DENIED) from None
    except av.HTTPNotFoundError:
        raise Ended("the camera has no such stream (404)", DENIED) from None
    except FileNotFoundError:
        raise Ended("there is no such device") from None
    except (OSError, av.FFmpegError) as error:
        if isinstance(error, BrokenPipeError) and not isinstance(error, av.FFmpegError):
            raise  # whoever reads is gone, not the camera
        status = DENIED if isinstance(error, PermissionError) else 1
        raise Ended(error.strerror or type(error).__name__, status) from None
    raise Ended("the camera ended the stream")


def _open(connection: Connection) -> av.container.InputContainer:
    *others, last = connection.ways
    for way in others:
        with contextlib.suppress(av.ArgumentError):
            return _open_in(connection, way)
    return _open_in(connection, last)


def _open_in(connection: Connection, way: dict[str, str]) -> av.container.InputContainer:
    return av.open(connection.address, format=connection.format, options=way, timeout=connection.timeout_s)


def _play(container: av.container.InputContainer, connection: Connection, out: BinaryIO) -> None:
    stream = container.streams.video[0]
    # Threads that each hold a frame would cost memory and time between a frame's arrival and its way on.
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = 1
    pictures, cadence = Pictures(stream), Cadence(connection.fps)
    write_begin(out, None)
    count, told_s = 0, time.monotonic()
    came_s = told_s
    for packet in container.demux(stream):
        at, at_s = time.time(), time.monotonic()
        try:
            found = list(pictures.of(packet))
        except av.InvalidDataError:
            found = []  # what was lost on the way; the decoder finds its feet at the next key frame
        if found:
            came_s = at_s
        elif at_s - came_s > connection.timeout_s:
            raise Ended(f"no frame that can be decoded for {connection.timeout_s:g} s")
        for picture in found:
            if cadence.takes(at_s):
                write_frame(out, count, at, _image(picture))
                count, told_s = count + 1, at_s
            elif at_s - told_s > ALIVE_EVERY_S:
                write_frame(out, ALIVE, at, b"")
                told_s = at_s


def _image(picture: Picture) -> bytes:
    if picture.damaged:
        return b""
    try:
        return picture.jpeg() or b""
    except av.InvalidDataError:
        return b""


def main() -> int:
    """Exit status as above; 0 when nobody reads any more."""
    end_with_parent()
    limit_memory()
    av.logging.set_level(None)
    out = os.fdopen(sys.stdout.fileno(), "wb", closefd=False)
    try:
        play(Connection.from_json(sys.stdin.read()), out)
    except Ended as ended:
        print(ended, file=sys.stderr)
        return ended.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())

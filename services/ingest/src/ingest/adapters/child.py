"""Frames from a child process, which may die without taking the reader with it."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import IO, Any, Self

from winnow.errors import WinnowError
from winnow_scenes.records import LENGTHS

HEADER_LIMIT_BYTES = 64 * 1024
IMAGE_LIMIT_BYTES = 256 * 1024 * 1024


class SourceFailed(WinnowError):
    """A source ended before its end; what it gave until then was sent."""


class Stopped(WinnowError):
    """Told to stop before the source's end."""


class DecoderLost(SourceFailed):
    """What came hangs the decoder, or ends it."""


class SourceDenied(SourceFailed):
    """The camera answers and refuses: to ask again soon is no use."""


SLICE_S = 0.2
"""How long a wait goes on without a look at `stop`."""

DENIED = 77
"""A child's exit status for it (EX_NOPERM of sysexits.h)."""


ALIVE = -1
"""The index of what is no frame, but says that frames come which are not taken."""


@dataclass(frozen=True)
class ChildFrame:
    """One frame as `winnow_scenes.records` describes it."""

    index: int
    t_s: float
    image: bytes


class FrameChild:
    """A running child, which ends when this process does.

    Iterating gives its frames and raises `SourceFailed` when it ends otherwise than well.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        told: bytes = b"",
        stop: threading.Event | None = None,
        timeout_s: float = inf,
    ) -> None:
        """`told` goes to its standard input: what no list of processes may show.

        It is killed where it gives no frame for `timeout_s` while one is waited for (`DecoderLost`), and where `stop`
        is set meanwhile (`Stopped`).
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        # A session of its own: Ctrl-C is for the reader, which ends the child when it has stopped.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            bufsize=0,  # what a buffer held, no poll would tell of
        )
        self._stop = stop or threading.Event()
        self.timeout_s = timeout_s
        self._given = 0
        assert self._process.stdout is not None
        self._out: IO[bytes] = self._process.stdout
        self._readable = select.poll()
        self._readable.register(self._out, select.POLLIN)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as its_input:
            its_input.write(told)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Ends it at once, from any thread: whoever iterates gets `SourceFailed`."""
        self._process.kill()

    def length_s(self) -> float | None:
        """How long the footage is; to be asked for first, once."""
        header, _ = self._record()
        if not header.get("begin"):
            raise self._failure()
        length = header["length_s"]
        return None if length is None else float(length)

    def __iter__(self) -> Iterator[ChildFrame]:
        while True:
            header, image = self._record()
            if header.get("end"):
                return
            self._given += 1
            yield ChildFrame(int(header["index"]), float(header["t_s"]), image)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        if self._stop.is_set():
            self._process.kill()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _record(self) -> tuple[dict[str, Any], bytes]:
        until_s = time.monotonic() + self.timeout_s
        header_size, image_size = LENGTHS.unpack(self._exactly(LENGTHS.size, until_s))
        if header_size > HEADER_LIMIT_BYTES or image_size > IMAGE_LIMIT_BYTES:
            raise self._failure()
        header: dict[str, Any] = json.loads(self._exactly(header_size, until_s))
        return header, self._exactly(image_size, until_s)

    def _exactly(self, size: int, until_s: float) -> bytes:
        read = bytearray()
        while len(read) < size:
            self._wait(until_s)
            part = self._out.read(size - len(read))
            if not part:
                raise self._failure()
            read += part
        return bytes(read)

    def _wait(self, until_s: float) -> None:
        while not self._readable.poll(SLICE_S * 1000):
            if self._stop.is_set():
                self._process.kill()
                raise Stopped("told to stop")
            if time.monotonic() > until_s:
                self._process.kill()
                raise DecoderLost(
                    f"no frame {self._given} within {self.timeout_s:g} s: the decoder hangs and was killed"
                )

    def _failure(self) -> SourceFailed:
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return SourceFailed("the child process wrote what is not a frame")
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        if status < 0:
            return DecoderLost(f"the decoder was killed by signal {-status} at frame {self._given}")
        kind = SourceDenied if status == DENIED else SourceFailed
        return kind(lines[-1] if lines else f"the child process ended with {status} before the footage did")

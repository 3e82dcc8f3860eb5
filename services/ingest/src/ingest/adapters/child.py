"""Frames from a child process, which may die without taking the reader with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from winnow.errors import WinnowError
from winnow_scenes.records import LENGTHS

HEADER_LIMIT_BYTES = 64 * 1024
IMAGE_LIMIT_BYTES = 256 * 1024 * 1024


class SourceFailed(WinnowError):
    """A source ended before its end; what it gave until then was sent."""


class SourceDenied(SourceFailed):
    """The camera answers and refuses: to ask again soon is no use."""


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

    def __init__(self, module: str, arguments: Sequence[str] = (), *, told: bytes = b"") -> None:
        """`told` goes to its standard input: what no list of processes may show."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        # A session of its own: Ctrl-C is for the reader, which ends the child when it has stopped.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._out: IO[bytes] = self._process.stdout
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
            yield ChildFrame(int(header["index"]), float(header["t_s"]), image)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _record(self) -> tuple[dict[str, Any], bytes]:
        header_size, image_size = LENGTHS.unpack(self._exactly(LENGTHS.size))
        if header_size > HEADER_LIMIT_BYTES or image_size > IMAGE_LIMIT_BYTES:
            raise self._failure()
        header: dict[str, Any] = json.loads(self._exactly(header_size))
        return header, self._exactly(image_size)

    def _exactly(self, size: int) -> bytes:
        read = self._out.read(size)
        if len(read) < size:
            raise self._failure()
        return read

    def _failure(self) -> SourceFailed:
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return SourceFailed("the child process wrote what is not a frame")
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        if status < 0:
            return SourceFailed(f"the child process was killed by signal {-status}")
        kind = SourceDenied if status == DENIED else SourceFailed
        return kind(lines[-1] if lines else f"the child process ended with {status} before the footage did")

"""Reading a request's body within limits of size, time and memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from ingest.adapters.uploads.answers import Rejection

MEMORY_BYTES = 64 * 1024 * 1024
"""Of images at a time, over all requests. Only small bodies hold some of it while they come, however slowly."""

DISK_BYTES = 2 * 1024 * 1024 * 1024
"""Of larger bodies that are coming, or not yet looked at."""

WAIT_S = 10.0


class Share:
    """Shares out so many bytes in the order of asking. For one event loop."""

    def __init__(self, size_bytes: int) -> None:
        self._free_bytes = size_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size_bytes: int) -> AsyncIterator[None]:
        """Raises `Rejection` (503) where there is none within `WAIT_S`."""
        if self._waiting or size_bytes > self._free_bytes:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size_bytes, turn))
            try:
                async with asyncio.timeout(WAIT_S):
                    await turn
            except BaseException as error:
                if turn.done() and not turn.cancelled():
                    self._free_bytes += size_bytes  # it came in the same moment
                else:
                    self._waiting.remove((size_bytes, turn))
                self._hand_out()
                if isinstance(error, TimeoutError):
                    raise Rejection(503, "busy", "too many uploads at once; nothing was taken") from None
                raise
        else:
            self._free_bytes -= size_bytes
        try:
            yield
        finally:
            self._free_bytes += size_bytes
            self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free_bytes:
            size_bytes, turn = self._waiting.popleft()
            self._free_bytes -= size_bytes
            turn.set_result(None)


def declared_bytes(request: Request, most_bytes: int) -> int:
    """What Content-Length says, `most_bytes` where there is none. Raises `Rejection` (413) for more than that."""
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() else most_bytes
    if declared > most_bytes:
        raise _too_large(most_bytes)
    return declared


async def chunks(request: Request, most_bytes: int, read_timeout_s: float, timeout_s: float) -> AsyncIterator[bytes]:
    """The body as it comes, counted. Raises `Rejection`: 413 for more than `most_bytes`, 408 for one too slow."""
    loop, read_bytes, more = asyncio.get_running_loop(), 0, True
    ends_at_s = loop.time() + timeout_s
    while more:
        try:
            async with asyncio.timeout_at(min(ends_at_s, loop.time() + read_timeout_s)):
                message = await request.receive()
        except TimeoutError:
            slow = (
                f"no byte came for {read_timeout_s:g} s"
                if loop.time() < ends_at_s
                else f"not whole after {timeout_s:g} s"
            )
            raise Rejection(408, "too_slow", f"{slow}; nothing was taken") from None
        if message["type"] == "http.disconnect":
            raise Rejection(400, "broken_off", "the connection ended before the request did; nothing was taken")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        read_bytes += len(chunk)
        if read_bytes > most_bytes:
            raise _too_large(most_bytes)
        if chunk:
            yield chunk


def _too_large(most_bytes: int) -> Rejection:
    return Rejection(413, "too_large", f"more than {most_bytes:,} bytes; nothing was taken")

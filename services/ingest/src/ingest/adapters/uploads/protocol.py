"""Connections of clients that are slow, endless or too many, which uvicorn by itself would keep."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingest.adapters.uploads.answers import RETRY_AFTER_S, Problem

HEAD_BYTES = 64 * 1024
MOST_HEADERS = 100
MOST_CONNECTIONS = 2000
LINGER_S = 2.0
"""How long what still comes is read and dropped behind an early answer, so that the client gets to read that."""


class Patience(HttpToolsProtocol):
    """uvicorn's protocol with an end to waiting: for the head of a request, and for a body nobody reads any more.

    The time for a body is the application's, which knows who sends it.
    """

    head_timeout_s = 10.0
    """From the connection, or the first byte of a later request, to the end of its headers."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._in_message = False
        self._moved_on = False
        self._over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MOST_CONNECTIONS:
            self._answer(503, "busy", "too many connections; nothing was taken")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._timer is None and self._in_head:
            self._await_head()
        self._moved_on = False
        super().data_received(data)
        if self._in_head and not self._moved_on:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._answer(431, "headers", f"more than {HEAD_BYTES:,} bytes of headers")

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MOST_HEADERS:
            raise ValueError("too many headers")  # the parser makes it a 400
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._end_timer()
        self._in_head, self._in_message, self._moved_on, self._head_bytes = False, True, True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._in_message, self._moved_on = True, False, True
        super().on_message_complete()
        if self._timer is not None:  # it was still coming when it was answered
            self._end_timer()
            self._keep_alive()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and self.cycle.response_complete and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._timer = self.loop.call_later(LINGER_S, self.transport.close)

    def _keep_alive(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(
            self.head_timeout_s,
            lambda: self._answer(408, "too_slow", f"the headers were not whole after {self.head_timeout_s:g} s"),
        )

    def _answer(self, status: int, reason: str, detail: str) -> None:
        """The last answer on this connection, which no application gives."""
        if self._over or self.transport.is_closing():
            return
        self._over = True
        self._end_timer()
        body = json.dumps(Problem(reason=reason, detail=detail).model_dump()).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        if status == 503:
            head += f"retry-after: {RETRY_AFTER_S}\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + b"\r\n" + body)
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_S, self.transport.close)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""A way to a server that can be shut, or answer in its place as a server in trouble does."""

from __future__ import annotations

import contextlib
import http
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class Door:
    """Forwards TCP connections to `url`'s host and port, from a port of its own on 127.0.0.1; open at first."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._answers: deque[int] = deque()
        self._first: Callable[[], None] = lambda: None
        self.answered_s: list[float] = []
        """When it answered itself, by the monotonic clock."""
        self._port = 0
        self.open()
        self.url = f"{parts.scheme}://127.0.0.1:{self._port}"

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Also cuts what is connected."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        _close(listener)
        self._cut()

    def fail(self, *statuses: int, first: Callable[[], None] = lambda: None) -> None:
        """Cuts what is connected, and answers as many HTTP requests with these; the rest is forwarded again.

        `first` is called while the first of them waits for its answer.
        """
        self._answers.extend(statuses)
        self._first = first
        self._cut()

    def _cut(self) -> None:
        for connection in self._connections:
            _close(connection)
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                if self._answers:
                    threading.Thread(target=self._answer, args=(near, self._answers.popleft()), daemon=True).start()
                    continue
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._connections += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(one, other), daemon=True).start()

    def _answer(self, near: socket.socket, status: int) -> None:
        """As S3 does it, once the whole request is there."""
        with contextlib.suppress(OSError), near.makefile("rb") as request:
            size = 0
            while (line := request.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            request.read(size)
            self._first()
            self._first = lambda: None
            phrase = http.HTTPStatus(status).phrase
            body = f"<?xml version='1.0'?><Error><Code>{phrase.replace(' ', '')}</Code><Message>no</Message></Error>"
            head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
            self.answered_s.append(time.monotonic())
            near.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())
        _close(near)


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            sink.sendall(data)
    for end in (source, sink):
        _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()

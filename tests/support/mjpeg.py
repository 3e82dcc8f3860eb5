"""A camera that speaks HTTP: JPEGs in a `multipart/x-mixed-replace` that never ends, as badly as a test wants."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Self
from urllib.parse import unquote


class MjpegCamera:
    """Plays JPEGs in a circle to whoever asks, until the block ends.

    What a test may change while it plays: `images`, `stalled` (accepts and sends nothing) and `status` of the next
    answers; `drop` ends every connection. `lengths`: whether each part says how long it is.
    """

    def __init__(self, images: Sequence[bytes], *, fps: float = 20.0, lengths: bool = True, login: str = "") -> None:
        self.images = list(images)
        self.fps = fps
        self.lengths = lengths
        self.login = login
        self.status = 200
        self.content_type = "multipart/x-mixed-replace; boundary=picture"
        self.stalled = threading.Event()
        self.asked = 0
        self._connections: set[socket.socket] = set()

        class Handler(_Handler):
            camera = self

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self.drop()
        self._server.server_close()

    @property
    def url(self) -> str:
        return self.url_for(self.login)

    def url_for(self, login: str) -> str:
        return f"http://{login}{'@' if login else ''}127.0.0.1:{self._server.server_port}/video?key=s3cret"

    def drop(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    camera: MjpegCamera

    def do_GET(self) -> None:
        camera = self.camera
        camera.asked += 1
        given = self.headers.get("Authorization", "")
        if camera.login and given != "Basic " + base64.b64encode(unquote(camera.login).encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(camera.status)
        self.send_header("Content-Type", camera.content_type)
        self.end_headers()
        if camera.status != 200:
            return
        camera._connections.add(self.connection)
        try:
            with contextlib.suppress(OSError):
                self._play()
        finally:
            camera._connections.discard(self.connection)

    def _play(self) -> None:
        pause = threading.Event()
        for number in count():
            pause.wait(1 / self.camera.fps)
            if self.camera.stalled.is_set():
                continue
            image = self.camera.images[number % len(self.camera.images)]
            length = f"Content-Length: {len(image)}\r\n" if self.camera.lengths else ""
            self.wfile.write(f"--picture\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + image + b"\r\n")

    def log_message(self, *_: object) -> None:
        """A test says what it found, not what was asked."""

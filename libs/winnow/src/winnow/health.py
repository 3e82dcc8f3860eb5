"""/livez, /readyz and /metrics of a service.

Live: the loop turned lately, never lag or whether the broker answers. Ready: what the service itself says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = structlog.get_logger()


class Health:
    """What a service knows of itself. `beat` and `ready` are called by its loop, the server's threads read."""

    def __init__(self, stalled_after_s: float = 60.0) -> None:
        self._stalled_after_s = stalled_after_s
        self._last_beat = time.monotonic()
        self._not_ready = "starting"
        self._waits_for = ""

    def beat(self) -> None:
        """The loop turned."""
        self._last_beat = time.monotonic()

    def ready(self) -> None:
        self._not_ready = ""

    def not_ready(self, why: str) -> None:
        self._not_ready = why

    @contextmanager
    def waiting(self, whom: str) -> Iterator[None]:
        """The loop waits for a server inside this block: however long that takes, the process itself lives."""
        self._waits_for = whom
        try:
            yield
        finally:
            self._waits_for = ""
            self.beat()

    @property
    def live(self) -> tuple[bool, str]:
        if self._waits_for:
            return True, f"waiting for {self._waits_for}"
        age_s = time.monotonic() - self._last_beat
        return age_s < self._stalled_after_s, f"last loop turn {age_s:.1f} s ago"

    @property
    def readiness(self) -> tuple[bool, str]:
        return not self._not_ready, self._not_ready or "ready"


class HealthServer:
    """Answers for a `Health` on its own thread until `close`."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        metrics = make_wsgi_app()
        checks: dict[str, Callable[[], tuple[bool, str]]] = {
            "/livez": lambda: health.live,
            "/readyz": lambda: health.readiness,
        }

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if path == "/metrics":
                return list(metrics(environ, start_response))
            if path not in checks:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/livez, /readyz or /metrics\n"]
            holds, text = checks[path]()
            start_response("200 OK" if holds else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [text.encode() + b"\n"]

        self._server = make_server(host, port, application, ThreadingWSGIServer, handler_class=_Quiet)
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()
        log.info("health server listens", host=host, port=self.port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Probes come every few seconds: they are not worth a log line each."""

"""The upload API on a thread of its own, until it is closed."""

from __future__ import annotations

import logging
import resource
import socket
import threading

import structlog
import uvicorn
from fastapi import FastAPI

from ingest.adapters.uploads.protocol import MOST_CONNECTIONS, Patience
from winnow.errors import Refused

log = structlog.get_logger()

KEEP_ALIVE_S = 30
GRACE_S = 6
"""For requests that are under way when it is told to stop; the broker's report takes at most 5 s."""


class UploadServer:
    """Listens at once; raises `Refused` where it cannot."""

    def __init__(self, api: FastAPI, host: str, port: int, head_timeout_s: float) -> None:
        class Protocol(Patience):
            pass

        Protocol.head_timeout_s = head_timeout_s
        _allow_files(2 * MOST_CONNECTIONS)
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # a wrong request is no event of ours
        try:
            self._socket = socket.create_server((host, port), backlog=MOST_CONNECTIONS, family=_family(host))
        except OSError as error:
            raise Refused(f"uploads cannot listen on {host}:{port}: {error.strerror}; nothing was started") from error
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                api, http=Protocol, ws="none", loop="uvloop", lifespan="off", log_config=None, access_log=False,
                server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )  # fmt: skip
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="uploads", daemon=True
        )
        self._thread.start()
        log.info("uploads are taken", url=f"http://{host}:{self.port}/v1/cameras/CAMERA/frames")

    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Takes no new request, and ends when those under way are answered."""
        self._server.should_exit = True
        self._thread.join()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _allow_files(wanted: int) -> None:
    """Raises this process's limit of open files: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))

"""What a live camera costs in memory: ingest's own process and the child that reads the stream."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from winnow.errors import WinnowError
from winnow_cli.bench.frames import camera_frames
from winnow_cli.bench.ingest import Say, ingest_service, namespace
from winnow_cli.bench.ingest_sender import frames_counter
from winnow_cli.stack import Stack

SIZE = (1920, 1080)
PICTURES = 8
FPS = 12.0
FRAMES = 120
"""Memory no longer grows after so many."""

TIMEOUT_S = 60.0
SAMPLE_EVERY_S = 0.1


def live_camera(stack: Stack, video: Path, say: Say) -> dict[str, float]:
    """Resident sizes in MB of 2**20 bytes, the largest seen until the broker has `FRAMES` frames of an MJPEG camera.

    Pages that the two processes share count twice.
    """
    say(f"live camera: {FRAMES} frames of {SIZE[0]}x{SIZE[1]} at {FPS:g} a second")
    images = camera_frames(video, PICTURES, SIZE)
    with _mjpeg(images) as url, namespace(stack) as (env, kafka):
        frames, until_s = frames_counter(kafka), time.monotonic() + TIMEOUT_S
        sources = json.dumps([{"camera": "bench", "source": url}])
        with ingest_service(stack, "camera", {**env, "WINNOW_INGEST_SOURCES": sources}) as pid:
            parent, rss = psutil.Process(pid), (0.0, 0.0)
            while frames() < FRAMES:
                if time.monotonic() > until_s:
                    raise WinnowError(f"{frames()} of {FRAMES} frames have come in {TIMEOUT_S:g} s")
                rss = max(rss, _rss_mb(parent), key=sum)
                time.sleep(SAMPLE_EVERY_S)
    return {"rss_mb": round(rss[0], 1), "child_rss_mb": round(rss[1], 1), "total_mb": round(sum(rss), 1)}


def _rss_mb(parent: psutil.Process) -> tuple[float, float]:
    children = 0
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            children += child.memory_info().rss
    return parent.memory_info().rss / 2**20, children / 2**20


@contextlib.contextmanager
def _mjpeg(images: Sequence[bytes]) -> Iterator[str]:
    """The address of a camera that plays these JPEGs in a circle, `FPS` a second."""

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            with contextlib.suppress(OSError):
                for image in itertools.cycle(images):
                    head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
                    self.wfile.write(head.encode() + image + b"\r\n")
                    time.sleep(1 / FPS)

        def log_message(self, *_: object) -> None:
            """The command says what it found, not what was asked."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/video"
        finally:
            server.shutdown()

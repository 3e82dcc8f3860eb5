"""Memory of one live 1080p camera, before, while and after the broker is away: ingest's process and its child.

Starts servers of its own. `python tests/bench/live_camera.py --outage 60`
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
from tests.support.mjpeg import MjpegCamera
from tests.support.rtsp import RtspCamera, jpeg_of
from tests.support.world import Service, World, eventually

from winnow_cli.stack import Home, Stack
from winnow_scenes.scene import Scene

SIZE = (1920, 1080)
FPS = 12.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without the broker")
    options = parser.parse_args()
    scene = Scene("yard", 1, *SIZE)
    pictures = [scene.frame(index)[0] for index in range(4)]
    cameras = {
        "RTSP, H.264": RtspCamera(pictures, fps=FPS),
        "HTTP, MJPEG": MjpegCamera([jpeg_of(picture) for picture in pictures], fps=FPS),
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home", Home.default().cache)
        with Stack.start(home, "bench") as stack:
            world = World(stack, "bench", Path(folder))
            world.prepare()
            try:
                for name, camera in cameras.items():
                    with camera:
                        measure(name, world, camera.url, options.outage)
            finally:
                world.close()


def measure(name: str, world: World, url: str, outage_s: float) -> None:
    sources = [{"camera": "bench", "source": url}]
    service = world.start("ingest", WINNOW_INGEST_SOURCES=json.dumps(sources))
    empty = psutil.Process(service.process.pid).memory_info().rss
    eventually(lambda: service.metric("winnow_frames_published_total") >= 50, what="frames arrive")
    rows = {"before": largest(service, 5.0)}
    world.stack.stop("kafka")
    try:
        rows[f"away for {outage_s:g} s"] = largest(service, outage_s)
    finally:
        world.stack.start_process("kafka")
    eventually(lambda: "frames go on" in service.log.read_text(), what="it goes on")
    rows["after"] = largest(service, 10.0)
    service.stop()
    told = next(json.loads(line) for line in service.log.read_text().splitlines() if '"source ended"' in line)
    service.log.unlink()
    print(f"{name}: ingest when it begins {empty / 2**20:.0f} MB")
    for when, (parent, child) in rows.items():
        print(f"  {when:15} ingest {parent:4.0f} MB, child {child:4.0f} MB, together {parent + child:4.0f} MB (RSS)")
    print(
        "  " + ", ".join(f"{count} {told[count]}" for count in ("frames", "published", "dropped", "failed", "refused"))
    )


def largest(service: Service, for_s: float) -> np.ndarray:
    """The most that the process and its child held within that time, in MB."""
    until, found = time.monotonic() + for_s, np.zeros(2)
    while time.monotonic() < until:
        process = psutil.Process(service.process.pid)
        children = sum(child.memory_info().rss for child in process.children())
        found = np.maximum(found, np.array([process.memory_info().rss, children]) / 2**20)
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()

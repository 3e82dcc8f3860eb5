"""The whole comparison: environments, speed, quality; what one tool cannot do never stops the others."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from winnow_cli.bench.frames import camera_frames
from winnow_cli.bench.peers import quality, speed
from winnow_cli.bench.peers.catalogue import OURS, PEERS, Peer
from winnow_cli.bench.peers.environment import NotInstalled, python_of
from winnow_scenes.scene import Scene, encoded

FOOTAGE = Path("footage", "car-detection.mp4")


def run(peers: Sequence[Peer], data: Path | None, cache: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything measured, as plain values; `data` is the folder that holds `footage/`, None for rendered scenes."""
    tools = {OURS: Path(sys.executable)}
    about = {}
    for peer in peers:
        about[peer.name] = {"version": peer.version, "licence": peer.licence}
        try:
            tools[peer.name] = python_of(peer, cache, say)
        except NotInstalled as error:
            about[peer.name]["not_installed"] = str(error)
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as folder:
        work = Path(folder)
        speeds = []
        for size, count in speed.SIZES:
            say(f"{size[0]}x{size[1]}: encoding {count} images")
            images = _rendered(count, size) if data is None else camera_frames(data / FOOTAGE, count, size)
            speeds.append(speed.measure(images, size, tools, work, say))
        sets = quality.measure(peers, tools, data, work, say)
    return {"images_of": "rendered scenes" if data is None else FOOTAGE.name, "peers": about, "speed": speeds} | sets


def chosen(names: Sequence[str]) -> list[Peer]:
    """The tools of these names, all of them where there is none. Raises KeyError for a name that there is not."""
    known = {peer.name.lower(): peer for peer in PEERS}
    return [known[name.lower()] for name in names] if names else list(PEERS)


def _rendered(count: int, size: tuple[int, int]) -> list[bytes]:
    scene = Scene("yard", 0, *size, visits_per_minute=6.0)
    return [encoded(scene.frame(index)[0]) for index in range(count)]

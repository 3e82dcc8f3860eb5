"""The cameras of a demo: videos, or rendered scenes with known truth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

SCENE_SIZE = (960, 540)
SCENE_FPS = 5.0
VISITS_PER_MINUTE = 3.0
"""Often enough that a minute shows something, seldom enough that most frames show nothing."""


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A camera of the demo. `source` is what ingest plays; `truth` is where a scene's truth is written, else None."""

    camera_id: str
    source: str
    group: str | None = None
    video: Path | None = None
    truth: Path | None = None
    minutes: float | None = None

    def ingest_source(self) -> dict[str, object]:
        """The camera as ingest's settings have it: played at the pace of a live camera."""
        source: dict[str, object] = {"camera": self.camera_id, "source": self.source, "pace": "live"}
        if self.video is not None and self.minutes is not None:
            source["minutes"] = self.minutes
        return source


def from_videos(videos: list[Path], minutes: float | None) -> list[DemoCamera]:
    """A camera for each video, named after its file."""
    cameras: list[DemoCamera] = []
    names: set[str] = set()
    for video in videos:
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", video.stem).strip("-") or "video"
        name = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, len(videos) + 2))) if n not in names)
        names.add(name)
        cameras.append(DemoCamera(name, str(video.absolute()), video=video, minutes=minutes))
    return cameras


def from_scenes(count: int, minutes: float, truth_folder: Path, *, seed: int) -> list[DemoCamera]:
    """Rendered cameras: a yard, a conveyor, the same yard from elsewhere, and so on with new seeds."""
    cameras = []
    for index in range(count):
        round_, place = divmod(index, 3)
        kind, view = (("yard", 0), ("conveyor", 0), ("yard", 1))[place]
        name = f"{kind}-{round_ * 3 + place + 1}"
        truth = truth_folder / f"{name}.jsonl"
        parameters = {
            "seed": seed + round_,
            "view": view,
            "fps": SCENE_FPS,
            "minutes": minutes,
            "visits_per_minute": VISITS_PER_MINUTE,
            "width": SCENE_SIZE[0],
            "height": SCENE_SIZE[1],
            "truth": str(truth),
        }
        group = f"yard-{round_ + 1}" if kind == "yard" else None
        cameras.append(DemoCamera(name, f"scene:{kind}?{urlencode(parameters)}", group=group, truth=truth))
    return cameras

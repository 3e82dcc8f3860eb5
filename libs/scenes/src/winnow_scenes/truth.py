"""What is known about a rendered frame; written beside the frames, never sent with them."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class SceneObject:
    """One object in a picture: its visit, its class, its box x0, y0, x1, y1 in pixels within the picture."""

    visit: int
    label: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class FrameTruth:
    """The truth of frame `index` at `t_s` seconds: what is in the picture, which episodes are under way.

    A frozen picture has the objects that it shows, a covered one has none.
    """

    index: int
    t_s: float
    objects: tuple[SceneObject, ...]
    episodes: tuple[str, ...]

    def to_json(self) -> str:
        """One line of the truth file: {index, t_s, objects: [{visit, class, box}], episodes: [name]}."""
        objects = [
            {"visit": o.visit, "class": o.label, "box": [round(edge, 1) for edge in o.box]} for o in self.objects
        ]
        record = {"index": self.index, "t_s": self.t_s, "objects": objects, "episodes": list(self.episodes)}
        return json.dumps(record, separators=(",", ":"))

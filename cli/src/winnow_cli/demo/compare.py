"""What the kept frames caught, beside uniform sampling of as many frames."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from winnow_cli.demo.cameras import DemoCamera

OFFSETS = 20
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Events are spans of frame indices, first and last.

    `showing` of the `kept` frames lie in an event. `uniform_*`: the same of as many frames taken evenly, over the
    offsets.
    """

    camera_id: str
    events: list[Span]
    kept: int
    caught: int
    showing: int
    uniform_showing_mean: float
    uniform_mean: float
    uniform_least: int
    uniform_most: int
    offsets: int = OFFSETS


def compare(camera_id: str, events: list[Span], kept: list[int], frames: int) -> Comparison:
    """Events with at least one of the frames `kept`, and with one of as many taken evenly from 20 starts."""
    evenly = [_uniform(len(kept), frames, offset) for offset in range(OFFSETS)]
    uniform = [_caught(events, indices) for indices in evenly]
    return Comparison(
        camera_id,
        events,
        kept=len(kept),
        caught=_caught(events, kept),
        showing=_showing(events, kept),
        uniform_showing_mean=sum(_showing(events, indices) for indices in evenly) / OFFSETS,
        uniform_mean=sum(uniform) / OFFSETS,
        uniform_least=min(uniform),
        uniform_most=max(uniform),
    )


def events_of(camera: DemoCamera) -> list[Span] | None:
    """A scene's visits from its truth; a video's moving foreground, found in a process of its own; None: not known."""
    if camera.truth is not None:
        return _visits(camera.truth) if camera.truth.exists() else None
    if camera.video is None:
        return None
    command = [sys.executable, "-m", "winnow_cli.demo.motion", str(camera.video)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        return None
    return [(first, last) for first, last in json.loads(done.stdout)]


def _visits(truth: Path) -> list[Span]:
    spans: dict[str, Span] = {}
    for line in truth.read_text().splitlines():
        frame = json.loads(line)
        for seen in frame["objects"]:
            visit = str(seen["visit"])
            first, _ = spans.get(visit, (frame["index"], 0))
            spans[visit] = (first, frame["index"])
    return sorted(spans.values())


def _uniform(count: int, frames: int, offset: int) -> list[int]:
    return [int((i + offset / OFFSETS) * frames / count) for i in range(count)]


def _caught(events: list[Span], indices: list[int]) -> int:
    return sum(any(first <= index <= last for index in indices) for first, last in events)


def _showing(events: list[Span], indices: list[int]) -> int:
    return sum(any(first <= index <= last for first, last in events) for index in indices)

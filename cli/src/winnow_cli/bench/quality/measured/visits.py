"""Visits and car groups kept at a budget of twelve frames, beside frames at even intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from winnow_cli.bench.quality.figures import Figure, share
from winnow_cli.bench.quality.measured.section import Plan
from winnow_cli.bench.quality.sets.footage import recorded
from winnow_cli.bench.quality.viewpoints import RECORDINGS, Recording, Viewpoint
from winnow_cli.bench.quality.watched import Watched
from winnow_cli.offline.policy import policy_book

BUDGET = 12.0
"""Frames, all at once or in an hour: more than any of the recordings lasts."""

STARTS = (0, 18, 36)
STRIDES = (1, 2, 4)
"""Each recording is played from each of these frames on, and each time every one, second or fourth frame of it."""

Event = tuple[int, int]


@dataclass(slots=True)
class _Runs:
    """Of one recording: by run and event whether it was kept, and how often frames at even intervals would have."""

    events: int
    kept: list[bool] = field(default_factory=list)
    uniform: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


class Visits:
    """The recordings whose events are known, from several starts and with several strides."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._book = policy_book(None, (BUDGET, BUDGET))
        self._runs: dict[str, _Runs] = {}

    def measure(self, view: Viewpoint) -> None:
        recording = next((one for one in RECORDINGS if one.name == view.name), None)
        if recording is None or not recording.events or self._plan.data is None:
            return
        images = list(recorded(self._plan.data / "footage", recording))
        runs = self._runs[view.name] = _Runs(len(recording.events))
        for start in STARTS:
            for stride in STRIDES:
                places = range(start, len(images), stride)
                kept = self._kept(recording, images, places)
                seen = [event for event in recording.events if event[1] >= start]
                runs.kept += [_caught(event, kept) for event in seen]
                runs.uniform += [_caught_evenly(event, places, len(kept)) for event in seen]
                runs.frames.append(len(kept))

    def _kept(self, recording: Recording, images: Sequence[bytes], places: range) -> list[int]:
        """Places of the frames that the budget kept; control frames are not of it."""
        camera = Watched(recording.name, self._book, interval_s=places.step / recording.fps)
        return [place for place in places if camera.watch(images[place]).reason in ("novel", "heartbeat")]

    def figures(self) -> Iterator[Figure]:
        if not self._runs:
            return
        count = sum(runs.events for runs in self._runs.values())
        kept = [(name, one) for name, runs in self._runs.items() for one in runs.kept]
        frames = [number for runs in self._runs.values() for number in runs.frames]
        note = f"{len(STARTS) * len(STRIDES)} runs of each recording, {min(frames)} to {max(frames)} frames kept"
        yield share("events with a kept frame", kept, goal=1.0, independent=count, note=note)
        evenly = [(name, one) for name, runs in self._runs.items() for one in runs.uniform]
        yield share("beside it: as many frames at even intervals", evenly, independent=count)


def _caught(event: Event, kept: Sequence[int]) -> bool:
    return any(event[0] <= place <= event[1] for place in kept)


def _caught_evenly(event: Event, places: range, count: int) -> float:
    """Over all offsets, how often one of `count` frames at even intervals is of the event."""
    if not count:
        return 0.0
    interval = len(places) / count
    offsets = range(max(1, int(interval)))
    taken = ([places[int(offset + number * interval)] for number in range(count)] for offset in offsets)
    return sum(_caught(event, kept) for kept in taken) / len(offsets)

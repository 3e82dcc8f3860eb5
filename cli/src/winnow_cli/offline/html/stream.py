"""A camera's frames as they were judged, each with the kept frame that it stands beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from winnow.clock import to_ms
from winnow.events import Outcome, SelectionPolicy, Verdict
from winnow_cli.offline.html.album import Picture
from winnow_cli.offline.html.timeline import Axis


@dataclass(slots=True, eq=False)
class Seen:
    """A frame. `place` counts the camera's frames from 0.

    `named` is the place of the frame that its verdict names, as the nearest or as the same; `beside` that of the kept
    frame that it stands beside, itself where it is kept. None: there is no such frame.
    """

    place: int
    file: str
    index: int
    verdict: Verdict
    named: int | None
    beside: int | None
    picture: Picture | None = None

    @property
    def kept(self) -> bool:
        return self.verdict.outcome is Outcome.KEPT

    @property
    def at_ms(self) -> int:
        return to_ms(self.verdict.event_time)


@dataclass
class Stream:
    """One camera's frames in the order in which they were judged."""

    camera_id: str
    policy: SelectionPolicy
    frames: list[Seen] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def add(self, file: str, index: int, verdict: Verdict) -> Seen:
        place = len(self.frames)
        named = self._places.get(verdict.nearest.frame_id if verdict.nearest is not None else verdict.frame_id or "")
        # What has the bytes of a rejected frame stands where that one does.
        beside = place if verdict.outcome is Outcome.KEPT else None if named is None else self.frames[named].beside
        if verdict.frame_id is not None:
            self._places[verdict.frame_id] = place
        self.frames.append(Seen(place, file, index, verdict, named, beside))
        return self.frames[-1]

    @property
    def axis(self) -> Axis:
        times = [frame.at_ms for frame in self.frames]
        return Axis(min(times), max(times))

    @property
    def span_s(self) -> float:
        """Time from the first frame to the last."""
        return (self.axis.last_ms - self.axis.first_ms) / 1000

    @property
    def most_by_rules(self) -> float:
        """As many frames as the budget let the rules keep in this time."""
        return self.policy.burst + self.policy.kept_per_hour * self.span_s / 3600

    def count(self, wanted: Callable[[Seen], bool]) -> int:
        return sum(wanted(frame) for frame in self.frames)

    def beside(self) -> dict[int, list[Seen]]:
        """By the place of each kept frame, what stands beside it."""
        found: dict[int, list[Seen]] = {frame.place: [] for frame in self.frames if frame.kept}
        for frame in self.frames:
            if not frame.kept and frame.beside is not None:
                found[frame.beside].append(frame)
        return found


def reasons(frames: list[Seen]) -> Counter[str]:
    return Counter(frame.verdict.reason for frame in frames)

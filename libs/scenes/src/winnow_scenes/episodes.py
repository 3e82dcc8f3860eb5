"""What goes wrong with a camera on request, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DEFOCUS, FOG, NIGHT = "defocus", "fog", "night"
FROZEN, COVERED, MOVED = "frozen", "covered", "moved"
EPISODES = (DEFOCUS, FOG, NIGHT, FROZEN, COVERED, MOVED)
RAMP_S = {FOG: 4.0, NIGHT: 4.0}
"""Fog and night come and go over this time; the others are there from one frame to the next."""


@dataclass(frozen=True)
class Episode:
    """`name` (of EPISODES) from `start_s` until before `end_s` of the scene's time."""

    name: str
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if self.name not in EPISODES:
            raise ValueError(f"no episode {self.name!r}: one of {', '.join(EPISODES)}")
        if not 0 <= self.start_s < self.end_s:
            raise ValueError(f"episode {self.name}: start {self.start_s} s, end {self.end_s} s")

    def strength(self, t_s: float) -> float:
        """0 outside, 1 inside, in between where it comes and goes."""
        if not self.start_s <= t_s < self.end_s:
            return 0.0
        ramp = RAMP_S.get(self.name, 0.0)
        if ramp == 0:
            return 1.0
        return min(1.0, (t_s - self.start_s) / ramp, (self.end_s - t_s) / ramp)


def parse_episodes(text: str) -> tuple[Episode, ...]:
    """`fog:20-35,frozen:50-60` (seconds) -> episodes. Raises ValueError with what is wrong."""
    episodes = []
    for part in filter(None, text.split(",")):
        try:
            name, span = part.split(":")
            start, end = span.split("-")
            episodes.append(Episode(name.strip(), float(start), float(end)))
        except ValueError as error:
            raise ValueError(f"episode {part!r}: want NAME:START-END in seconds ({error})") from None
    return tuple(episodes)


def strengths(episodes: Iterable[Episode], t_s: float) -> dict[str, float]:
    """Name -> strength of every episode under way at `t_s`."""
    found: dict[str, float] = {}
    for episode in episodes:
        if episode.start_s <= t_s < episode.end_s:
            found[episode.name] = max(found.get(episode.name, 0.0), episode.strength(t_s))
    return found

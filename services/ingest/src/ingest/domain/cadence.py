"""At most so many frames a second."""

from __future__ import annotations


class Cadence:
    """Takes the first frame at or after each point of a grid of `1 / fps` seconds; without `fps` every frame.

    On the grid a camera whose frames come a little early or late still gives `fps` frames a second.
    """

    def __init__(self, fps: float | None) -> None:
        self._step_s = None if fps is None else 1.0 / fps
        self._due_s: float | None = None

    def takes(self, at_s: float) -> bool:
        """Whether the frame that came at `at_s`, seconds of a clock that never goes back, is taken."""
        if self._step_s is None:
            return True
        if self._due_s is None:
            self._due_s = at_s
        if at_s < self._due_s:
            return False
        self._due_s += self._step_s
        if self._due_s <= at_s:  # the camera was silent, or is slower: what it did not give is not made up for
            self._due_s = at_s + self._step_s
        return True

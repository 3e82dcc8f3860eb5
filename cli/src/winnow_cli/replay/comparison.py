"""Whether the decision, made again, is exactly the live one: verdict by verdict, and the state in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from selector.domain.decide import decide
from selector.domain.state import CameraState, changes
from winnow.events import SelectorState, Verdict
from winnow_cli.replay.difference import Difference, first_difference
from winnow_cli.replay.history import History
from winnow_cli.replay.partition import effort_of, observed


@dataclass(slots=True)
class CameraComparison:
    """`different` verdicts of `frames`; `first` is the first difference, in the verdict on offset `first_at`.

    `state` is the first difference of the states at the cursor, None before they were compared and where they are
    equal.
    """

    frames: int = 0
    different: int = 0
    first_at: int = -1
    first: Difference | None = None
    state_compared: bool = False
    state: Difference | None = None

    @property
    def equal(self) -> bool:
        return self.different == 0 and self.state is None


@dataclass(slots=True)
class Comparison:
    """Of one partition's cameras, or one of them; `as_recorded` counts verdicts on no readable frame, by reason."""

    history: History
    camera_id: str | None = None
    cameras: dict[str, CameraComparison] = field(default_factory=dict)
    as_recorded: Counter[str] = field(default_factory=Counter)
    states: dict[str, CameraState] = field(default_factory=dict)

    def take(self, verdict: Verdict) -> None:
        """Decides the verdict's frame again."""
        if self.camera_id is not None and verdict.camera_id != self.camera_id:
            return
        frame = observed(verdict)
        if frame is None:
            self.as_recorded[verdict.reason] += 1
            return
        camera_id = frame.camera_id
        state = self.states.get(camera_id) or CameraState(camera_id)
        again, self.states[camera_id] = decide(state, frame, self.history.in_force(verdict), effort_of(verdict))
        found = self.cameras.get(camera_id)
        if found is None:
            found = self.cameras[camera_id] = CameraComparison()
        found.frames += 1
        if again != verdict and (difference := first_difference(verdict, again)) is not None:
            found.different += 1
            if found.first is None:
                found.first, found.first_at = difference, verdict.source.offset

    def at_cursor(self, states: dict[str, CameraState]) -> None:
        """Compares the states in their stored form."""
        for camera_id in {**states, **self.states}:
            if self.camera_id not in (None, camera_id):
                continue
            found = self.cameras.setdefault(camera_id, CameraComparison())
            found.state_compared = True
            found.state = first_difference(_stored(states.get(camera_id)), _stored(self.states.get(camera_id)))


def _stored(state: CameraState | None) -> dict[str, Any]:
    """The state's records by the part of their key that follows the camera."""
    if state is None:
        return {}
    return {record.key.removeprefix(f"{state.camera_id}|"): _part(record) for record in changes(None, state)}


def _part(record: SelectorState) -> Any:
    """The one part of a state record that is set."""
    parts = (getattr(record, one.name) for one in fields(record) if one.name != "camera_id")
    return next(part for part in parts if part is not None)

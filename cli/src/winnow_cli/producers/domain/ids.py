"""Frame ids and repeated pictures, within the last few hundred frames of a camera."""

from __future__ import annotations

from typing import TypeVar

from winnow.identity import frame_id_of_capture
from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally
from winnow_cli.producers.domain.record import SentRecord

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

RECENT = 256
"""Frames looked back over; the selector's own window is 4,096."""

FEW = 3
"""Below this many frames nothing is said of what all of them have in common."""

REPEATED_SHARE = 0.05
"""Repeats below this share are what a still scene and a good codec give."""


class IdCheck:
    """Which picture an id names, and which pictures come again."""

    def __init__(self) -> None:
        self._contents: dict[str, int] = {}
        self._pictures: dict[int, None] = {}
        self._none, self._reused, self._redelivered, self._repeated = Tally(), Tally(), Tally(), Tally()
        self._made_id = self._reused_id = ""
        self._first_id: str | None = None
        self._frames = self._others = 0
        self._redelivered_bytes = self._repeated_bytes = 0

    def see(self, record: SentRecord) -> None:
        frame = record.frame
        if frame is None:
            return
        frame_id = frame.frame_id
        if frame_id is None:
            frame_id = frame_id_of_capture(frame.camera_id, frame.captured_at, frame.sequence)
            self._made_id = self._made_id or frame_id
            self._none.hit(record)
        self._frames += 1
        self._first_id = frame_id if self._first_id is None else self._first_id
        self._others += frame_id != self._first_id
        before = self._contents.get(frame_id)
        if before == record.content_hash:
            self._redelivered.hit(record)
            self._redelivered_bytes += record.size_bytes
        elif before is not None:
            self._reused_id = self._reused_id or frame_id
            self._reused.hit(record)
        elif record.content_hash in self._pictures:
            self._repeated.hit(record)
            self._repeated_bytes += record.size_bytes
        _remember(self._contents, frame_id, record.content_hash)
        _remember(self._pictures, record.content_hash, None)

    def findings(self, flow: Flow) -> list[Finding]:
        found = []
        constant = self._others == 0 and self._reused.count >= FEW - 1
        if self._none.count:
            found.append(self._none.found(
                flow, "no_id", Level.NOTE, what=f"no frame id: one is made, such as {self._made_id}",
                cost="a resend is known only while captured_at and sequence stay the same",
                mend="send an id of your own, or leave it so and send true times and a sequence",
            ))  # fmt: skip
        if self._reused.count:
            found.append(self._reused.found(
                flow, "constant_id" if constant else "id_reused", Level.ERROR,
                what=f"{'every frame has' if constant else 'other pictures under'} the id {self._reused_id!r}",
                cost="an id names many pictures: flag id_reused, `winnow trace` finds all of them, a resend none",
                mend="put time of capture and running number into the id",
            ))  # fmt: skip
        if self._redelivered.count:
            found.append(self._redelivered.found(
                flow, "redelivered", Level.WARNING, what="the same frame sent again, id and bytes",
                cost=flow.a_day(self._redelivered_bytes),
                mend="enable idempotence; do not send again what was acknowledged",
            ))  # fmt: skip
        if self._repeated.count >= max(FEW, REPEATED_SHARE * self._frames):
            found.append(self._repeated.found(
                flow, "repeats", Level.WARNING,
                what=f"{self._repeated.count / self._frames:.0%} are pictures sent before, under new ids",
                cost=flow.a_day(self._repeated_bytes) + "; rejected as identical_bytes",
                mend="send what the camera takes, at its pace: a timer reads the last picture again, or it is frozen",
            ))  # fmt: skip
        return found


def _remember(window: dict[KeyT, ValueT], key: KeyT, value: ValueT) -> None:
    window.pop(key, None)
    window[key] = value
    if len(window) > RECENT:
        del window[next(iter(window))]

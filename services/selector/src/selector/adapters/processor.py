"""The selector's part of the transactional loop: decisions to records, and state to and from the state topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from selector.adapters.effort import Efforts
from selector.adapters.frames import Extracted, extract_record, look
from selector.adapters.policies import Policies
from selector.adapters.verdicts import States, judge, must_look
from selector.domain.extraction import ExtractionLimits
from selector.domain.state import changes, restored
from winnow import metrics
from winnow.clock import now
from winnow.codec import Codec
from winnow.contract import Names
from winnow.errors import PoisonRecord, StateMismatch
from winnow.events import (
    Cursor,
    Expired,
    Frame,
    Outcome,
    SelectedFrame,
    SelectorState,
    Source,
    Start,
    Verdict,
)
from winnow.kafka.deadletter import dead_letter
from winnow.kafka.headers import cloud_event
from winnow.kafka.record import Record
from winnow.kafka.transactional import Decided, Output
from winnow.references import References

SERVICE = "selector"
MAX_KEY_BYTES = 1000
"""What comes from outside is cut, so that no verdict can outgrow a record; the whole is in the dead letter."""


class FrameProcessor:
    """Judges the frames of a partition; keeps nothing between calls."""

    def __init__(
        self, names: Names, codec: Codec, policies: Policies, references: References, limits: ExtractionLimits
    ) -> None:
        self._names = names
        self._codec = codec
        self._policies = policies
        self._references = references
        self._limits = limits
        self._efforts = Efforts(policies.in_force)

    def waits_for(self) -> str:
        return self._policies.waits_for()

    def extract(self, record: Record) -> Extracted:
        return extract_record(record, self._codec, self._references, self._limits, self._efforts.choose)

    # --- state --------------------------------------------------------------------------------------------------

    def restore(self, partition: int, records: Iterable[Record]) -> tuple[States, int | None]:
        try:
            return restored(self._decoded(records))
        except (ValueError, PoisonRecord) as error:
            raise StateMismatch(
                f"{self._names.state}, partition {partition}: {error}; nothing was judged. The state cannot be used: "
                "restore the topic from a backup"
            ) from error

    def _decoded(self, records: Iterable[Record]) -> Iterator[SelectorState]:
        for record in records:
            yield self._codec.decode(SelectorState, record.value)

    def cursor(self, next_offset: int) -> Output:
        return self._state_output(SelectorState(cursor=Cursor(next_offset)))

    def start(self, offset: int) -> Output:
        return self._state_output(SelectorState(start=Start(offset)))

    def expired(self, first: int, last: int) -> Output:
        return self._state_output(SelectorState(expired=Expired(first, last)))

    def _state_output(self, record: SelectorState) -> Output:
        return Output(self._names.state, record.key.encode(), self._codec.encode(self._names.state, record))

    # --- decide -------------------------------------------------------------------------------------------------

    def decide(self, state: States, batch: list[tuple[Record, Extracted]]) -> Decided[States]:
        after = dict(state)
        verdicts: list[Verdict] = []
        outputs: list[Output] = []
        # One policy for a batch: what must be looked at, and then the verdict, go by the same.
        in_force = cache(self._policies.in_force)
        for record, ahead in batch:
            source = _source(record)
            missing = must_look(ahead, source, record.timestamp, after, in_force)
            extracted = look(ahead, self._limits) if missing else ahead
            verdict = judge(extracted, source, record.timestamp, after, in_force)
            verdicts.append(verdict)
            outputs.append(self._output(record, self._names.verdicts, "verdict", verdict, verdict))
            if verdict.outcome is Outcome.KEPT and extracted.frame is not None:
                selected = _selected(verdict, extracted, extracted.frame)
                outputs.append(self._output(record, self._names.selected, "selected", selected, verdict))
            elif verdict.outcome is Outcome.UNREADABLE:
                key, value, headers = dead_letter(record, SERVICE, PoisonRecord(f"{verdict.reason}: {verdict.detail}"))
                topic = self._names.dead_letters(record.topic, SERVICE)
                outputs.append(Output(topic, key, value, headers))
        changed = [s for camera_id in _cameras(batch) if (s := after.get(camera_id)) is not state.get(camera_id) and s]
        states = [self._state_output(r) for s in changed for r in changes(state.get(s.camera_id), s)]
        return Decided([*outputs, *states], after, _counted(verdicts, states))

    def _output(self, record: Record, topic: str, kind: str, event: object, verdict: Verdict) -> Output:
        headers = cloud_event(kind, SERVICE, verdict.source, verdict.decided_at, record)
        key = record.key if len(record.key or b"") <= MAX_KEY_BYTES else None
        return Output(topic, key, self._codec.encode(topic, event), headers)


def _source(record: Record) -> Source:
    return Source(record.topic, record.partition, record.offset)


def _cameras(batch: list[tuple[Record, Extracted]]) -> list[str]:
    return list(dict.fromkeys(e.frame.camera_id for _, e in batch if e.frame is not None))


def _selected(verdict: Verdict, extracted: Extracted, frame: Frame) -> SelectedFrame:
    signature = extracted.signature
    assert signature is not None
    return SelectedFrame(
        camera_id=frame.camera_id,
        frame_id=verdict.frame_id or "",
        source=verdict.source,
        captured_at=frame.captured_at,
        event_time=verdict.event_time,
        content_type=f"image/{signature.kind}",
        image=frame.image,
        width=signature.width,
        height=signature.height,
        reason=verdict.reason,
        flags=verdict.flags,
        block=verdict.block or "",
        signature=verdict.signature,
        signature_version=verdict.signature_version,
        policy_version=verdict.policy_version,
    )


def _counted(verdicts: list[Verdict], states: list[Output]) -> Callable[[], None]:
    def count() -> None:
        done = now()
        for (outcome, reason), number in Counter((v.outcome.value, v.reason) for v in verdicts).items():
            metrics.verdicts.labels(outcome, reason).inc(number)
        for verdict in verdicts:
            metrics.verdict_latency.observe(max(0.0, (done - verdict.broker_time).total_seconds()))
        metrics.state_bytes.inc(sum(len(s.value or b"") + len(s.key or b"") for s in states))
        unreadable = sum(v.outcome is Outcome.UNREADABLE for v in verdicts)
        if unreadable:
            metrics.dead_letters.labels(verdicts[0].source.topic, SERVICE).inc(unreadable)

    return count

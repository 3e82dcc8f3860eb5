"""Whether a disturbed run left what an undisturbed one did: verdicts, kept frames, dead letters, state and offsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from winnow.clock import EPOCH
from winnow.events import SelectedFrame, SelectorState, Verdict
from winnow.kafka.deadletter import origin
from winnow.kafka.record import Record
from winnow_cli.chaos.arena import Arena

Key = tuple[str, int, object]
"""What an output is (verdict, kept frame, dead letter), and the input's partition and offset."""

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """`lost` inputs have no verdict; `doubled` are outputs that an input has twice; `different` those not as expected.

    `different` counts records of the final state, and offsets, too; `examples` names some.
    """

    frames: int
    lost: int
    doubled: int
    different: int
    examples: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.different)


def compare(disturbed: Arena, undisturbed: Arena) -> Difference:
    """Both have judged all of the same input."""
    found, counts, ordered = _outputs(disturbed)
    expected, _, _ = _outputs(undisturbed)
    inputs = {("verdict", p, offset) for p in range(disturbed.partitions) for offset in range(disturbed.fed[p])}
    lost = sorted(inputs - found.keys(), key=repr)
    doubled = sorted((key for key, count in counts.items() if count > 1), key=repr)
    names = found.keys() | expected.keys()
    different = [
        f"{key}: {_fields(expected.get(key), found.get(key))}"
        for key in sorted(names, key=repr)
        if found.get(key) != expected.get(key) and key not in inputs - found.keys()
    ]
    different += [f"verdicts of partition {partition} are not in the input's order" for partition in ordered]
    before, after = _state(undisturbed), _state(disturbed)
    different += [
        f"state {key}: {_fields(before.get(key), after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    if disturbed.committed() != undisturbed.committed():
        different.append(f"committed offsets {disturbed.committed()}, expected {undisturbed.committed()}")
    examples = [f"lost: {key}" for key in lost[:SHOWN]] + [f"doubled: {key}" for key in doubled[:SHOWN]]
    return Difference(
        frames=sum(disturbed.fed),
        lost=len(lost),
        doubled=sum(counts[key] - 1 for key in doubled),
        different=len(different),
        examples=(*examples, *(f"different: {text}" for text in different[:SHOWN])),
    )


def _outputs(arena: Arena) -> tuple[dict[Key, Any], Counter[Key], list[int]]:
    """Outputs by what they are about, how many there are of each, and partitions whose verdicts are out of order.

    Without what a run's own names and clock put into them: the topic's name, and when it was decided.
    """
    names = arena.names
    found: list[tuple[Key, Any]] = []
    disordered, last = [], dict[int, int]()
    for record in arena.records(names.verdicts):
        verdict = arena.codec.decode(Verdict, record.value)
        source = verdict.source
        if last.get(source.partition, -1) > source.offset:
            disordered.append(source.partition)
        last[source.partition] = source.offset
        plain = replace(verdict, source=replace(source, topic=""), decided_at=EPOCH)
        found.append((("verdict", source.partition, source.offset), (record.partition, record.key, plain)))
    for record in arena.records(names.selected):
        kept = arena.codec.decode(SelectedFrame, record.value)
        source = kept.source
        plain_kept = replace(kept, source=replace(source, topic=""))
        found.append((("kept frame", source.partition, source.offset), (record.partition, record.key, plain_kept)))
    for record in arena.records(names.dead_letters(names.frames, "selector")):
        found.append((_letter_key(record), (record.partition, record.key, record.value)))
    return dict(found), Counter(key for key, _ in found), disordered


def _letter_key(record: Record) -> Key:
    where = origin(record)
    assert where is not None, "the selector writes no marks"
    return "dead letter", where.partition, where.offset


def _state(arena: Arena) -> dict[tuple[int, str], SelectorState]:
    """The last value of every key, by partition."""
    latest = {(record.partition, (record.key or b"").decode()): record.value for record in _records(arena)}
    return {key: arena.codec.decode(SelectorState, value) for key, value in latest.items()}


def _records(arena: Arena) -> Iterable[Record]:
    return arena.records(arena.names.state)


def _fields(expected: Any, found: Any) -> str:
    """What of two values is not the same, in few words."""
    if expected is None or found is None:
        return "not there" if found is None else "not expected"
    return f"{str(found)[:300]}, expected {str(expected)[:300]}"

"""What the comparison of a disturbed run with an undisturbed one must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from confluent_kafka.schema_registry import Schema

from winnow import contract
from winnow.clock import EPOCH
from winnow.codec import Codec
from winnow.contract import Names
from winnow.events import CameraScalars, Cursor, NoiseFloor, Outcome, SelectorState, Source, Verdict
from winnow.kafka.record import Record
from winnow_cli.chaos.compare import Difference, compare

INPUTS = 3


@dataclass
class Judged:
    """What a run left in its topics: of one partition of three frames, unless a test changes it."""

    names: Names
    codec: Codec
    partitions: int = 1
    fed: list[int] = field(default_factory=lambda: [INPUTS])
    offsets: list[int] = field(default_factory=lambda: [INPUTS])
    topics: dict[str, list[Record]] = field(default_factory=dict)

    def committed(self) -> list[int]:
        return self.offsets

    def records(self, topic: str) -> Iterator[Record]:
        return iter(self.topics.get(topic, []))

    def write(self, topic: str, key: str, event: object) -> None:
        written = self.topics.setdefault(topic, [])
        value = self.codec.encode(topic, event)
        written.append(Record(topic, 0, len(written), key.encode(), value, EPOCH, ()))


def verdict(names: Names, offset: int) -> Verdict:
    return Verdict(
        "yard", f"f{offset}", Source(names.frames, 0, offset), EPOCH, EPOCH, EPOCH, Outcome.KEPT, "novel", EPOCH
    )


def judged(namespace: str) -> Judged:
    names = Names(namespace)
    codec = Codec(f"mock://{namespace}")
    for topic, record in ((names.verdicts, "Verdict"), (names.state, "SelectorState")):
        codec._registry.register_schema(f"{topic}-value", Schema(contract.schema(record), "AVRO"))
    run = Judged(names, codec)
    for offset in range(INPUTS):
        run.write(names.verdicts, "yard", verdict(names, offset))
    scalars = CameraScalars(3, 2, 1, 4.0, 2, 1, 3, NoiseFloor((1.0, 0.1), 3))
    for record in (SelectorState("yard", scalars=scalars), SelectorState(cursor=Cursor(INPUTS))):
        run.write(names.state, record.key, record)
    return run


def found(change: Callable[[Judged], None]) -> Difference:
    disturbed = judged("war")
    change(disturbed)
    return compare(disturbed, judged("peace"))  # type: ignore[arg-type]


def test_names_and_the_time_of_deciding_make_no_difference() -> None:
    def decided_later(run: Judged) -> None:
        late = [replace(verdict(run.names, o), decided_at=EPOCH + timedelta(hours=1)) for o in range(INPUTS)]
        run.topics[run.names.verdicts].clear()
        for one in late:
            run.write(run.names.verdicts, "yard", one)

    assert found(decided_later) == Difference(INPUTS, 0, 0, 0, ())


def lose(run: Judged) -> None:
    del run.topics[run.names.verdicts][1]


def double(run: Judged) -> None:
    run.write(run.names.verdicts, "yard", verdict(run.names, INPUTS - 1))


def decide_otherwise(run: Judged) -> None:
    run.topics[run.names.verdicts].pop()
    run.write(run.names.verdicts, "yard", replace(verdict(run.names, INPUTS - 1), signals={"tokens": 1.0}))


def swap(run: Judged) -> None:
    run.topics[run.names.verdicts].reverse()


def forget_a_record(run: Judged) -> None:
    del run.topics[run.names.state][0]


def write_other_state(run: Judged) -> None:
    run.write(run.names.state, "cursor", SelectorState(cursor=Cursor(INPUTS - 1)))


def commit_other_offsets(run: Judged) -> None:
    run.offsets = [INPUTS - 1]


@pytest.mark.parametrize(
    ("bug", "expected"),
    [
        (lose, (1, 0, 0)),
        (double, (0, 1, 0)),
        (decide_otherwise, (0, 0, 1)),
        (swap, (0, 0, 2)),
        (forget_a_record, (0, 0, 1)),
        (write_other_state, (0, 0, 1)),
        (commit_other_offsets, (0, 0, 1)),
    ],
)
def test_each_kind_of_damage_is_counted_and_named(
    bug: Callable[[Judged], None], expected: tuple[int, int, int]
) -> None:
    difference = found(bug)
    assert (difference.lost, difference.doubled, difference.different) == expected
    assert difference.examples and not difference.holds

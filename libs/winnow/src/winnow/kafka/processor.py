"""What a service gives a transactional loop: how a batch of records becomes outputs and state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from winnow.kafka.record import Record

StateT = TypeVar("StateT")
ExtractT = TypeVar("ExtractT")


@dataclass(frozen=True, slots=True)
class Output:
    """A record to produce; its partition is always the input's."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decided(Generic[StateT]):
    """What a batch of one partition leads to. `state` takes effect, and `committed` is called, after the commit."""

    outputs: list[Output]
    state: StateT
    committed: Callable[[], None]


class Processor(Protocol[StateT, ExtractT]):
    """A service's part of the loop. Nothing in it may keep state beside what it is given and gives back."""

    def waits_for(self) -> str:
        """What it needs before it can decide; empty when it can."""

    def extract(self, record: Record) -> ExtractT:
        """What depends on the record alone; called from several threads.

        Raises `DependencyDown`, after quick tries of its own, for its batch to be read and extracted again.
        """

    def restore(self, partition: int, records: Iterable[Record]) -> tuple[StateT, int | None]:
        """State and cursor from the last state record of each key; the cursor is None where there is none yet."""

    def decide(self, state: StateT, batch: list[tuple[Record, ExtractT]]) -> Decided[StateT]:
        """Outputs and next state for records in the order of their offsets. Raises `DependencyDown` as `extract`."""

    def cursor(self, next_offset: int) -> Output:
        """The state record that says how far the partition is judged."""

    def start(self, offset: int) -> Output:
        """The state record that says where the partition's accounting begins."""

    def expired(self, first: int, last: int) -> Output:
        """The state record of a range that retention took."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a loop paces itself."""

    group: str
    topic: str
    state_topic: str
    instance: str
    threads: int = 2
    batch_max: int = 64
    batch_bytes: int = 32 * 1024 * 1024
    linger_s: float = 0.04

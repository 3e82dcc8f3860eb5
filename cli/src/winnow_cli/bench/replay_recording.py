"""A recorded past of simulated cameras, as a running home has it: the ledger's files and index, state and policies."""

from __future__ import annotations

import heapq
import itertools
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from ledger.app import handler
from ledger.settings import Settings
from selector.domain.decide import ObservedFrame, decide
from selector.domain.state import CameraState, changes
from winnow.clock import from_ms
from winnow.codec import Codec
from winnow.events import Cursor, SelectionPolicy, SelectorState, Source, Start, Verdict
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.settings import load
from winnow_cli.connection import environment
from winnow_cli.deployment.prepare import prepare
from winnow_cli.selection.topics import SelectionTopics
from winnow_cli.simulation.day import BEGIN
from winnow_cli.simulation.library import render
from winnow_cli.simulation.stream import DAY_S, KINDS, CameraDay, Kind, SimulatedFrame
from winnow_cli.stack import Stack

PARTITIONS = 4
POLICY = SelectionPolicy(12.0, 12.0, from_ms(0), sampling_key=b"winnow bench, the published key!")


class Recording:
    """A namespace of its own, whose variables are in `os.environ` from then on.

    A camera of each kind, in turn on the partitions, until `frames` of them all are a day: the real decision on each
    frame, the real ledger for its verdict. `fitted` counts frames for which the decision needed a fit, `reasons` the
    verdicts.
    """

    def __init__(self, stack: Stack, frames: int) -> None:
        name = f"bench-{uuid.uuid4().hex[:8]}"
        environment(stack)
        os.environ.update(
            WINNOW_NAMESPACE=name, WINNOW_PROFILE="local", WINNOW_S3_BUCKET=name, WINNOW_POSTGRES_DATABASE=name
        )
        prepare(POLICY)
        self._settings = load(Settings)
        self._codec = Codec(self._settings.registry_url)
        self._publisher = Publisher(self._settings, client_id="bench-recording")
        self._policies = SelectionTopics(self._settings).book()
        self._states: dict[str, CameraState] = {}
        self._stored: dict[str, CameraState] = {}
        self._next_offsets = [0] * PARTITIONS
        self._frames = _in_turn(frames)
        self.fitted = 0
        self.reasons: Counter[str] = Counter()

    def extend(self, frames: int) -> None:
        """Records until there are so many frames, and the state after the last one. Raises `DependencyDown`."""
        missing = frames - sum(self._next_offsets)
        with handler(self._settings) as ledger:
            records = (self._record(camera_id, frame) for camera_id, frame in itertools.islice(self._frames, missing))
            while batch := list(itertools.islice(records, self._settings.ledger_batch_max)):
                ledger.handle(batch)
        for partition, offset in enumerate(self._next_offsets):
            self._state(partition, SelectorState(start=Start(0)))
            self._state(partition, SelectorState(cursor=Cursor(offset)))
        for camera_id, state in self._states.items():
            for record in changes(self._stored.get(camera_id), state):
                self._state(_partition(camera_id), record)
            self._stored[camera_id] = state
        self._publisher.flush()

    def _record(self, camera_id: str, frame: SimulatedFrame) -> Record:
        """The verdict on a camera's next frame, as the ledger reads it."""
        verdict = self._decided(camera_id, frame)
        self.reasons[verdict.reason] += 1
        self.fitted += "residual" in verdict.signals
        topic, source = self._settings.names.verdicts, verdict.source
        value = self._codec.encode(topic, verdict)
        return Record(topic, source.partition, source.offset, camera_id.encode(), value, verdict.decided_at, ())

    def _decided(self, camera_id: str, frame: SimulatedFrame) -> Verdict:
        partition, at = _partition(camera_id), BEGIN + timedelta(milliseconds=round(frame.at_s * 1000))
        offset = self._next_offsets[partition]
        self._next_offsets[partition] += 1
        observed = ObservedFrame(
            camera_id=camera_id,
            frame_id=str(uuid.UUID(int=partition << 64 | offset)),
            source=Source(self._settings.names.frames, partition, offset),
            captured_at=at,
            broker_time=at,
            size_bytes=frame.signature.size_bytes,
            content_hash=partition << 64 | offset,
            signature=frame.signature.from_bytes(frame.signature.to_bytes()),  # as precise as a stored one
            unreadable="",
            decided_at=at,
        )
        state = self._states.get(camera_id) or CameraState(camera_id)
        verdict, self._states[camera_id] = decide(state, observed, self._policies.in_force(camera_id))
        return verdict

    def _state(self, partition: int, record: SelectorState) -> None:
        topic = self._settings.names.state
        self._publisher.publish(topic, record.key, self._codec.encode(topic, record), partition=partition)


def _in_turn(frames: int) -> Iterator[tuple[str, SimulatedFrame]]:
    """Camera and frame in order of time: at least so many in a day, though one kind has none for six hours of it."""
    places = render()
    interval_s = DAY_S * (len(KINDS) - 0.25) / (frames + len(KINDS))

    def day(kind: Kind) -> Iterator[tuple[str, SimulatedFrame]]:
        for frame in CameraDay(kind, places[kind.place], interval_s=interval_s, seed=1).frames():
            yield kind.name, frame

    return heapq.merge(*map(day, KINDS), key=lambda one: one[1].at_s)


def _partition(camera_id: str) -> int:
    return next(number for number, kind in enumerate(KINDS) if kind.name == camera_id) % PARTITIONS

"""The input of a run: frames of rendered cameras, with what goes wrong in a camera's stream among them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from winnow.clock import to_ms
from winnow.codec import Codec
from winnow.events import Frame
from winnow_scenes.scene import Scene, encoded

CAMERAS = 6
SIZE = (320, 180)
INTERVAL_S = 1.0
ODD = {
    "redelivered": 0.04,
    "id_reused": 0.02,
    "identical": 0.02,
    "undecodable": 0.02,
    "not_avro": 0.01,
    "no_value": 0.01,
}
"""Shares of the frames that are followed by another record of the same camera: these, of these kinds."""


class InputRecord(NamedTuple):
    """A record of the frames topic, `timestamp_ms` as the broker's time."""

    partition: int
    key: bytes
    value: bytes | None
    timestamp_ms: int


def stream(codec: Codec, topic: str, partitions: int, *, frames: int, seed: int, begin: datetime) -> list[InputRecord]:
    """At least `frames` records of six cameras in the order of their time; the same for the same arguments."""
    chance = random.Random(seed)
    scenes = [
        Scene(("yard", "conveyor")[c % 2], seed + c // 2, *SIZE, fps=1 / INTERVAL_S, visits_per_minute=8.0)
        for c in range(CAMERAS)
    ]
    records: list[InputRecord] = []
    sent: list[list[Frame]] = [[] for _ in scenes]
    index = 0
    while len(records) < frames:
        for number, scene in enumerate(scenes):
            camera_id = f"camera-{number}"
            captured_at = begin + timedelta(seconds=index * INTERVAL_S, milliseconds=number)
            image = encoded(scene.frame(index)[0])
            frame = Frame(f"{camera_id}-{index}", camera_id, captured_at, index, "image/jpeg", image)
            sent[number].append(frame)
            values: list[bytes | None] = [codec.encode(topic, frame)]
            values += [_odd(kind, codec, topic, sent[number], chance) for kind, p in ODD.items() if chance.random() < p]
            at_ms = to_ms(captured_at)
            records += [InputRecord(number % partitions, camera_id.encode(), value, at_ms) for value in values]
        index += 1
    return records


def _odd(kind: str, codec: Codec, topic: str, sent: list[Frame], chance: random.Random) -> bytes | None:
    """A record of this kind after those that the camera has sent."""
    if kind == "no_value":
        return None
    if kind == "not_avro":
        return chance.randbytes(40)
    last, earlier = sent[-1], chance.choice(sent)
    if kind == "id_reused":
        return codec.encode(topic, replace(last, frame_id=earlier.frame_id))
    if kind == "identical":
        return codec.encode(topic, replace(earlier, frame_id=f"{last.frame_id}-again", captured_at=last.captured_at))
    if kind == "undecodable":
        return codec.encode(topic, replace(last, frame_id=f"{last.frame_id}-broken", image=b"GIF89a"))
    return codec.encode(topic, earlier)

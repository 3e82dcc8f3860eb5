"""What wrong producers send: each record gets one verdict, other cameras notice nothing, and the balance holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import psutil
import pytest
from confluent_kafka import KafkaException
from tests.support.pictures import frame, picture, stream
from tests.support.settled import QUICK, settled
from tests.support.world import World

from ingest.adapters.jpeg import jpeg
from winnow.events import Frame, Outcome, Verdict

pytestmark = pytest.mark.stack

YEARS = timedelta(days=3650)
MEMORY_MB = 600


def of_size(bytes_: int) -> bytes:
    """A JPEG of a grainy picture with as many bytes, the last of them behind its end marker, as some cameras do."""
    grain = np.random.default_rng(bytes_).normal(128, 20, (720, 1280, 3)).clip(0, 255).astype(np.uint8)
    image = jpeg(grain)
    assert image is not None
    return image + bytes(bytes_ - len(image))


def test_wrong_ids_clocks_and_sizes_are_judged_and_spoil_no_other(world: World) -> None:
    cameras = {
        "good": stream("good", 20),
        "constant": [replace(f, frame_id="always") for f in stream("constant", 8)],
        "twin-a": [replace(f, frame_id=f"shared-{n}") for n, f in enumerate(stream("twin-a", 8))],
        "twin-b": [replace(f, frame_id=f"shared-{n}") for n, f in enumerate(stream("twin-b", 8))],
        "ahead": [replace(f, captured_at=f.captured_at + YEARS) for f in stream("ahead", 8)],
        "behind": [replace(f, captured_at=f.captured_at - YEARS) for f in stream("behind", 8)],
        "back": list(reversed(stream("back", 8))),
        "no-id": [replace(f, frame_id=None, captured_at=stream("no-id", 1)[0].captured_at) for f in stream("no-id", 8)],
        "still": [
            replace(f, frame_id=None, sequence=None, captured_at=f.captured_at)
            for f in [frame("still", 0, picture(0))] * 3
        ],
        "large": [frame("large", 0, of_size(1_500_000))],
        "odd": [
            replace(frame("odd", n, image)) for n, image in enumerate((b"", b"hello, world", b"GIF89a" + bytes(99)))
        ],
    }
    for name in ("selector", "store", "ledger"):
        world.start(name, anew=True, **QUICK)
    for turn in range(max(map(len, cameras.values()))):
        world.publish([frames[turn] for frames in cameras.values() if turn < len(frames)])
    with pytest.raises(KafkaException, match=r"(?i)too large"):
        world.publish([frame("huge", 0, of_size(3_500_000))])
    total = sum(map(len, cameras.values()))
    settled(world, total)

    verdicts: dict[str, list[Verdict]] = {name: [] for name in cameras}
    for verdict in world.events(world.names.verdicts, Verdict):
        verdicts[verdict.camera_id or ""].append(verdict)
    assert {name: len(found) for name, found in verdicts.items()} == {n: len(f) for n, f in cameras.items()}

    def flags(camera: str) -> list[str]:
        return [flag for v in verdicts[camera] for flag in v.flags if flag not in ("control", "warm_up")]

    def outcomes(camera: str) -> set[Outcome]:
        return {v.outcome for v in verdicts[camera]}

    judged = {Outcome.KEPT, Outcome.REJECTED}
    assert flags("good") == flags("twin-a") == flags("twin-b") == flags("back") == []
    assert flags("constant") == ["id_reused"] * 7
    assert flags("ahead") == flags("behind") == ["clock_skew"] * 8
    assert all(v.event_time == v.broker_time for v in verdicts["ahead"] + verdicts["behind"])
    assert {v.frame_id for v in verdicts["no-id"]}.isdisjoint({None}) and len(
        {v.frame_id for v in verdicts["no-id"]}
    ) == 8
    assert [v.outcome is Outcome.REDELIVERED for v in verdicts["still"]] == [False, True, True]
    for camera in ("good", "constant", "twin-a", "twin-b", "ahead", "behind", "back", "no-id", "large"):
        assert outcomes(camera) <= judged, camera
    assert [v.reason for v in verdicts["odd"]] == ["undecodable"] * 3
    for service in world.services:
        assert psutil.Process(service.process.pid).memory_info().rss < MEMORY_MB * 2**20, service.name


def test_what_is_between_the_inline_limit_and_the_record_limit_is_refused_to_the_producer(world: World) -> None:
    """2.5 MB fit the client's own limit: it is the broker that says no, to the producer and at once."""
    from confluent_kafka import KafkaError, Producer

    from winnow.kafka import config

    answers: list[KafkaError | None] = []
    producer = Producer(config.producer(world.kafka, client_id="too-large"))
    large = Frame("large", "cam", stream("cam", 1)[0].captured_at, 0, "image/jpeg", of_size(2_500_000))
    value = world.codec.encode(world.names.frames, large)
    producer.produce(world.names.frames, value, "cam", on_delivery=lambda error, _: answers.append(error))
    assert producer.flush(20) == 0
    assert [e is not None and e.code() == KafkaError.MSG_SIZE_TOO_LARGE for e in answers] == [True]
    assert world.records(world.names.frames) == []

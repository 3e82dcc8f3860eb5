"""How big a camera's state is, and how long one process takes to restore many cameras' from a log not yet compacted."""

from __future__ import annotations

import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from confluent_kafka import Producer

from selector.domain.decide import ObservedFrame, decide
from selector.domain.policy import PolicyInForce
from selector.domain.ring import RING_SIZE
from selector.domain.seen import WINDOW
from selector.domain.state import CameraState, changes
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Cursor, SelectorState, Source
from winnow.kafka import config
from winnow.settings import KafkaSettings
from winnow_cli.deployment.apply import FIRST_POLICY, Contract
from winnow_cli.offline.policy import policy_book
from winnow_cli.simulation.day import BEGIN
from winnow_cli.simulation.library import Place, render
from winnow_cli.simulation.stream import KINDS, CameraDay, Kind
from winnow_cli.stack import ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

INTERVAL_S = 10.0
FRAMES = 360
"""An hour of a frame each ten seconds."""

OPEN_HANDED = (3600.0, 1000.0)
"""kept_per_hour and burst with which a ring is soon full."""

RECORDS_PER_BATCH = 4
"""As a transaction of one frame writes: cursor, scalars, a chunk of ids, now and then a place in the ring."""

TIMEOUT_S = 300.0

Say = Callable[[str], None]


def run(stack: Stack, cameras: int, say: Say) -> dict[str, Any]:
    """The state of a camera with a full ring and a full window, and the restore of `cameras` after an hour's frames."""
    places = render()
    say("a camera until its ring and its window are full")
    kafka = KafkaSettings(
        namespace=f"bench-{uuid.uuid4().hex[:8]}",
        profile="local",
        kafka_bootstrap=stack.env["WINNOW_KAFKA_BOOTSTRAP"],
        registry_url=stack.env["WINNOW_REGISTRY_URL"],
        group_protocol="consumer",
    )
    contract = Contract(kafka)
    contract.apply()
    topic = kafka.names.state
    codec = Codec(kafka.registry_url)
    full = _full(places)
    full_bytes = sum(len(r.key) + len(codec.encode(topic, r)) for r in changes(None, full))
    say(f"the log of {cameras} cameras, {FRAMES} frames each")
    hours = [list(_hour(codec, topic, kind, places[kind.place])) for kind in KINDS]
    partitions = next(t.partitions for t in contract.topics if t.name == topic)
    records, log_bytes = _write(kafka, hours, cameras, partitions)
    say(f"{records:,} records; restoring")
    found = _restored(stack, kafka)
    return {
        "cameras": cameras,
        "records": records,
        "log_mb": round(log_bytes / 1e6, 1),
        **found,
        "state_bytes_per_camera": full_bytes,
    }


# --- the log ----------------------------------------------------------------------------------------------------


def _decisions(
    kind: Kind, place: Place, first: tuple[float, float], seed: int
) -> Iterator[tuple[CameraState, CameraState]]:
    """A simulated camera's states, before and after each frame of its day."""
    policy: PolicyInForce = policy_book(None, first).in_force(_name(0))
    state = CameraState(_name(0))
    day = CameraDay(kind, place, interval_s=INTERVAL_S, seed=seed)
    for number, frame in enumerate(day.frames()):
        at = BEGIN + timedelta(seconds=frame.at_s)
        observed = ObservedFrame(
            camera_id=state.camera_id,
            frame_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind.name}-{number}")),
            source=Source("simulation", 0, number),
            captured_at=at,
            broker_time=at,
            size_bytes=frame.signature.size_bytes,
            content_hash=uuid.uuid5(uuid.NAMESPACE_OID, f"{number}").int,
            signature=frame.signature,
            unreadable="",
            decided_at=at,
        )
        before = state
        _, state = decide(before, observed, policy)
        yield before, state


def _full(places: dict[str, Place]) -> CameraState:
    """A camera's state when nothing can be added to it any more."""
    kind = next(kind for kind in KINDS if kind.name == "busy")
    for _, state in _decisions(kind, places[kind.place], OPEN_HANDED, 1):
        if state.ring.count >= RING_SIZE and state.seen.count > WINDOW + 64:
            return state
    raise WinnowError("a day was too short to fill a camera's state")


def _hour(codec: Codec, topic: str, kind: Kind, place: Place) -> Iterator[list[tuple[bytes, bytes]]]:
    """Of each frame of an hour the records (key, value) that its transaction writes; the camera is number 0."""
    states = _decisions(kind, place, FIRST_POLICY, 1)
    for _, (before, after) in zip(range(FRAMES), states, strict=False):
        written = [*changes(before, after), SelectorState(cursor=Cursor(0))]
        yield [(record.key.encode(), codec.encode(topic, record)) for record in written]


def _name(number: int) -> str:
    """All of one length, so that one camera's records become another's by putting this in the other's place."""
    return f"camera-{number:05d}"


def _write(
    kafka: KafkaSettings, hours: list[list[list[tuple[bytes, bytes]]]], cameras: int, partitions: int
) -> tuple[int, int]:
    """Every camera's hour, frame by frame in turn, into the state topic; how many records and bytes that were."""
    producer = Producer(
        {
            **config.producer(kafka, client_id="bench-state"),
            "linger.ms": 1,
            "batch.num.messages": RECORDS_PER_BATCH,
            "compression.type": "zstd",
            "compression.level": 1,
        }
    )
    template = _name(0).encode()
    records = size_bytes = 0
    for frame in range(FRAMES):
        for number in range(cameras):
            name = _name(number).encode()
            for key, value in hours[number % len(hours)][frame]:
                own_key, own_value = key.replace(template, name), value.replace(template, name)
                _produce(producer, kafka.names.state, own_key, own_value, number % partitions)
                records += 1
                size_bytes += len(own_key) + len(own_value)
    if producer.flush(TIMEOUT_S):
        raise WinnowError("the broker did not take the state")
    return records, size_bytes


def _produce(producer: Producer, topic: str, key: bytes, value: bytes, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition=partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


# --- the restore ------------------------------------------------------------------------------------------------


def _restored(stack: Stack, kafka: KafkaSettings) -> dict[str, float]:
    """Seconds from a selector's start until it is ready, those of them that it restored, and its memory then."""
    port = free_port()
    name = f"selector-{kafka.namespace}"
    env = {
        **stack.env,
        "WINNOW_NAMESPACE": kafka.namespace,
        "WINNOW_PROFILE": "local",
        "WINNOW_INSTANCE": name,
        "WINNOW_HEALTH_PORT": str(port),
    }
    began_s = time.monotonic()
    stack.add(ProcessSpec(name, (sys.executable, "-m", "selector"), env, ready=Ready("running"), restart=False))
    restoring_s = 0.0
    while (answer := _answer(port, "readyz"))[0] != 200:
        if not restoring_s and answer[1].startswith("restoring"):
            restoring_s = time.monotonic()
        if time.monotonic() - began_s > TIMEOUT_S:
            raise WinnowError(f"not restored in {TIMEOUT_S:g} s; the selector says: {answer[1]}")
        time.sleep(0.02)
    ready_s = time.monotonic()
    memory = re.search(r"^process_resident_memory_bytes (.+)$", _answer(port, "metrics")[1], re.MULTILINE)
    stack.stop(name)
    return {
        "restore_s": round(ready_s - restoring_s, 2),
        "start_to_ready_s": round(ready_s - began_s, 2),
        "rss_mb": round(float(memory[1]) / 1e6) if memory else 0,
    }


def _answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""

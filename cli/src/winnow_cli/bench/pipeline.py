"""What a frame costs the selector, from the broker to the committed verdict, beside the bare decode of it."""

from __future__ import annotations

import statistics
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from winnow.clock import from_ms, now, to_ms
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Frame, SelectionPolicy, Verdict
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.record import record_of
from winnow.settings import KafkaSettings
from winnow_cli.bench.frames import camera_frames
from winnow_cli.deployment.apply import Contract
from winnow_cli.stack import ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

CAMERAS = 4
WARM_UP = 64
HALF_LOAD_S = 15.0
TIMEOUT_S = 300.0
SAMPLE_EVERY_S = 0.25
"""A scrape costs the measured process some milliseconds of its CPU."""

POLICY = SelectionPolicy(
    kept_per_hour=1200.0, burst=10.0, changed_at=from_ms(0), control_every_s=2.0, split_block_s=20.0
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Sample:
    """The selector's own counters at one moment."""

    at_s: float
    cpu_s: float
    verdicts: float
    state_bytes: float
    phases: dict[str, float]


def run(stack: Stack, video: Path, size: tuple[int, int], frames: int, say: Say) -> dict[str, Any]:
    """One row of the table: a fresh namespace, a fresh selector process, `frames` frames of one size."""
    width, height = size
    say(f"{width}x{height}: encoding {frames} frames")
    images = camera_frames(video, frames, size)
    bench = _Bench(stack)
    decode_before = _bare_decode_per_cpu_s(images)
    say(f"{width}x{height}: all at once")
    begin, end = bench.saturated(images)
    decode_after = _bare_decode_per_cpu_s(images)
    bare = statistics.mean((decode_before, decode_after))
    judged = end.verdicts - begin.verdicts
    per_cpu_s = judged / (end.cpu_s - begin.cpu_s)
    wall_per_s = judged / (end.at_s - begin.at_s)
    say(f"{width}x{height}: at half load, {wall_per_s / 2:.0f} frames/s for {HALF_LOAD_S:.0f} s")
    latencies_ms, state_bytes = bench.at_rate(images, wall_per_s / 2)
    bench.close()
    phases = {name: end.phases[name] - begin.phases.get(name, 0.0) for name in end.phases}
    return {
        "width": width,
        "height": height,
        "frames": int(judged),
        "bytes_per_frame": round(statistics.mean(map(len, images))),
        "selector_per_cpu_s": round(per_cpu_s, 1),
        "bare_decode_per_cpu_s": round(bare, 1),
        "ratio": round(per_cpu_s / bare, 3),
        "wall_per_s": round(wall_per_s, 1),
        "time_share": {name: round(s / sum(phases.values()), 3) for name, s in sorted(phases.items())},
        "state_bytes_per_frame": round(max(state_bytes, (end.state_bytes - begin.state_bytes) / judged)),
        "half_load_per_s": round(wall_per_s / 2, 1),
        "latency_ms": {
            "p50": round(float(np.percentile(latencies_ms, 50)), 1),
            "p99": round(float(np.percentile(latencies_ms, 99)), 1),
        },
    }


def _bare_decode_per_cpu_s(images: list[bytes]) -> float:
    """Frames per CPU second of OpenCV's gray/8 decode alone, on one thread of this process."""
    cv2.setNumThreads(1)
    begin_s = time.thread_time()
    for image in images:
        cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    return len(images) / (time.thread_time() - begin_s)


class _Bench:
    """A namespace and the selector that judges it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        namespace = f"bench-{uuid.uuid4().hex[:8]}"
        self._kafka = KafkaSettings(
            namespace=namespace,
            group_protocol="consumer",
            profile="local",
            kafka_bootstrap=stack.env["WINNOW_KAFKA_BOOTSTRAP"],
            registry_url=stack.env["WINNOW_REGISTRY_URL"],
        )
        Contract(self._kafka).apply(POLICY)
        self._codec = Codec(self._kafka.registry_url)
        self._publisher = Publisher(self._kafka, client_id="bench")
        self._port = free_port()
        self._published = 0
        self._name = f"selector-{namespace}"

    def saturated(self, images: list[bytes]) -> tuple[_Sample, _Sample]:
        """The selector's counters after its first frames and at the end of a backlog that was there before it."""
        for image in images:
            self._publish(image)
        self._publisher.flush()
        self._start_selector()
        begin = end = self._until(min(WARM_UP, len(images) // 4))
        until = time.monotonic() + TIMEOUT_S
        # Only samples taken while there still was a backlog count: none holds idle time at the end.
        while (sample := self._sample()).verdicts < len(images):
            end = sample
            if time.monotonic() > until:
                raise WinnowError(f"the selector made {end.verdicts:.0f} of {len(images)} verdicts in {TIMEOUT_S} s")
            time.sleep(SAMPLE_EVERY_S)
        return begin, end

    def at_rate(self, images: list[bytes], per_s: float) -> tuple[list[float], float]:
        """Latencies in ms, publish to verdict seen by a committed reader, and state bytes a frame."""
        reader = _VerdictReader(self._kafka, self._codec)
        before = self._sample()
        count = int(per_s * HALF_LOAD_S)
        sent: dict[str, float] = {}
        begin_s = time.monotonic()
        for index in range(count):
            delay_s = begin_s + index / per_s - time.monotonic()
            if delay_s > 0:
                self._publisher.poll()
                time.sleep(delay_s)
            sent[self._publish(images[index % len(images)])] = time.monotonic()
        self._publisher.flush()
        seen = reader.until(set(sent))
        after = self._sample()
        return (
            [(seen[frame_id] - at_s) * 1000 for frame_id, at_s in sent.items()],
            (after.state_bytes - before.state_bytes) / count,
        )

    def close(self) -> None:
        self._stack.stop(self._name)

    def _publish(self, image: bytes) -> str:
        number = self._published
        self._published += 1
        camera, frame_id = f"camera-{number % CAMERAS}", f"{uuid.UUID(int=number)}"
        # JPEG ends at its end marker: what comes behind makes the bytes of a repeated picture its own.
        unique = image + number.to_bytes(4, "big")
        moment = from_ms(to_ms(now()))
        frame = Frame(frame_id, camera, moment, number, "image/jpeg", unique)
        topic = self._kafka.names.frames
        self._publisher.publish(topic, camera, self._codec.encode(topic, frame), partition=number % CAMERAS)
        return frame_id

    def _start_selector(self) -> None:
        env = {
            **self._stack.env,
            "WINNOW_NAMESPACE": self._kafka.namespace,
            "WINNOW_PROFILE": "local",
            "WINNOW_INSTANCE": self._name,
            "WINNOW_HEALTH_PORT": str(self._port),
        }
        ready = Ready("http", f"http://127.0.0.1:{self._port}/livez")
        self._stack.add(ProcessSpec(self._name, (sys.executable, "-m", "selector"), env, ready=ready, restart=False))

    def _until(self, verdicts: int) -> _Sample:
        until = time.monotonic() + TIMEOUT_S
        while (sample := self._sample()).verdicts < verdicts:
            if time.monotonic() > until:
                raise WinnowError(
                    f"the selector has made {sample.verdicts:.0f} of {verdicts} verdicts in {TIMEOUT_S} s"
                )
            time.sleep(SAMPLE_EVERY_S)
        return sample

    def _sample(self) -> _Sample:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as response:
            text = response.read().decode()
        values: dict[str, float] = {}
        phases: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values[sample.name] = values.get(sample.name, 0.0) + sample.value
                if sample.name == "winnow_loop_phase_seconds_total":
                    phases[sample.labels["phase"]] = sample.value
        return _Sample(
            time.monotonic(),
            values["process_cpu_seconds_total"],
            values.get("winnow_verdicts_total", 0.0),
            values.get("winnow_state_bytes_total", 0.0),
            phases,
        )


class _VerdictReader:
    """Follows the verdicts from now on, and notes when a committed reader has each."""

    def __init__(self, settings: KafkaSettings, codec: Codec) -> None:
        self._codec = codec
        self._topic = settings.names.verdicts
        self._consumer = Consumer(
            {**config.reader(settings, client_id="bench-verdicts"), "isolation.level": "read_committed"}
        )
        self._consumer.assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in range(CAMERAS)])
        self._seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def until(self, wanted: set[str]) -> dict[str, float]:
        """When each was seen, by frame id."""
        until = time.monotonic() + TIMEOUT_S
        while not wanted <= self._seen.keys():
            if time.monotonic() > until:
                raise WinnowError(f"{len(wanted - self._seen.keys())} frames have no verdict after {TIMEOUT_S} s")
            time.sleep(0.05)
        self._stop.set()
        self._thread.join()
        return self._seen

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            at_s = time.monotonic()
            verdict = self._codec.decode(Verdict, record_of(message).value)
            self._seen.setdefault(verdict.frame_id or "", at_s)
        self._consumer.close()

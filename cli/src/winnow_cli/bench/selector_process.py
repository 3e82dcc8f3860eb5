"""Selector processes that judge a namespace of their own, watched through their own metrics."""

from __future__ import annotations

import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from winnow.clock import from_ms, now, to_ms
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Frame, SelectionPolicy
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.settings import KafkaSettings
from winnow_cli.deployment.apply import Contract
from winnow_cli.stack import ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

CAMERAS = 4
WARM_UP = 64
TIMEOUT_S = 300.0
SAMPLE_EVERY_S = 0.25
"""A scrape costs the measured process some milliseconds of its CPU."""

POLICY = SelectionPolicy(
    kept_per_hour=1200.0, burst=10.0, changed_at=from_ms(0), control_every_s=2.0, split_block_s=20.0
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """The selector's own counters at one moment: verdicts of each process, of the others the sums."""

    at_s: float
    cpu_s: float
    verdicts: tuple[float, ...]
    state_bytes: float
    phases: dict[str, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """What happened between two samples."""

    frames: int
    per_cpu_s: float
    wall_per_s: float
    state_bytes_per_frame: float
    time_share: dict[str, float]

    @classmethod
    def between(cls, begin: Sample, end: Sample) -> Rate:
        frames = sum(end.verdicts) - sum(begin.verdicts)
        phases = {name: end.phases[name] - begin.phases.get(name, 0.0) for name in end.phases}
        return cls(
            frames=int(frames),
            per_cpu_s=frames / (end.cpu_s - begin.cpu_s),
            wall_per_s=frames / (end.at_s - begin.at_s),
            state_bytes_per_frame=(end.state_bytes - begin.state_bytes) / frames,
            time_share={name: s / sum(phases.values()) for name, s in sorted(phases.items())},
        )


class SelectorProcesses:
    """A namespace with a fresh contract, and so many selectors of so many threads, once `start` is called.

    `cameras` take turns; they are spread over `CAMERAS` partitions, whose multiple they are.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        processes: int = 1,
        threads: int = 2,
        cameras: int = CAMERAS,
        policy: SelectionPolicy = POLICY,
    ) -> None:
        self._stack = stack
        self._cameras = cameras
        self._threads = threads
        namespace = f"bench-{uuid.uuid4().hex[:8]}"
        self.kafka = KafkaSettings(
            namespace=namespace,
            group_protocol="consumer",
            profile="local",
            kafka_bootstrap=stack.env["WINNOW_KAFKA_BOOTSTRAP"],
            registry_url=stack.env["WINNOW_REGISTRY_URL"],
        )
        Contract(self.kafka).apply(policy)
        self.codec = Codec(self.kafka.registry_url)
        self.publisher = Publisher(self.kafka, client_id="bench")
        self._published = 0
        self._ports = {f"selector-{namespace}-{number}": free_port() for number in range(processes)}

    def publish(self, image: bytes) -> str:
        """Queues a frame of the next camera; its id."""
        number = self._published
        self._published += 1
        camera, frame_id = camera_of(number, self._cameras), f"{uuid.UUID(int=number)}"
        frame = Frame(frame_id, camera, from_ms(to_ms(now())), number, "image/jpeg", unique(image, number))
        topic = self.kafka.names.frames
        self.publisher.publish(topic, camera, self.codec.encode(topic, frame), partition=number % CAMERAS)
        return frame_id

    def publish_all(self, images: Sequence[bytes], count: int) -> None:
        """`count` frames, of the images over and over; all are with the broker when this returns."""
        for number in range(count):
            self.publish(images[number % len(images)])
        self.publisher.flush()

    def judge_backlog(self) -> Rate:
        """Starts the selectors; how they work off what was published before.

        Only samples taken while each of them still had a backlog count: none holds idle time at the end.
        """
        self._start()
        samples = [self.sample()]
        until_s = time.monotonic() + TIMEOUT_S
        while (judged := sum(samples[-1].verdicts)) < self._published:
            if time.monotonic() > until_s:
                raise WinnowError(f"the selector made {judged:.0f} of {self._published} verdicts in {TIMEOUT_S:g} s")
            time.sleep(SAMPLE_EVERY_S)
            samples.append(self.sample())
        warm_up = min(WARM_UP, self._published // 4) / len(self._ports)
        ends = samples[-1].verdicts
        busy = [s for s in samples if all(warm_up <= v < end for v, end in zip(s.verdicts, ends, strict=True))]
        if len(busy) < 2:
            raise WinnowError(f"{self._published} frames were judged too quickly to be measured")
        return Rate.between(busy[0], busy[-1])

    def close(self) -> None:
        """Stops the selectors and deletes the topics: a backlog has some hundred megabytes."""
        for name in self._ports:
            self._stack.stop(name)
        topics = [topic.name for topic in Contract(self.kafka).topics]
        admin = AdminClient(config.admin(self.kafka))
        for done in admin.delete_topics(topics).values():
            done.result()

    def _start(self) -> None:
        for name, port in self._ports.items():
            env = {
                **self._stack.env,
                "WINNOW_NAMESPACE": self.kafka.namespace,
                "WINNOW_PROFILE": "local",
                "WINNOW_INSTANCE": name,
                "WINNOW_HEALTH_PORT": str(port),
                "WINNOW_EXTRACT_THREADS": str(self._threads),
            }
            ready = Ready("http", f"http://127.0.0.1:{port}/livez")
            spec = ProcessSpec(name, (sys.executable, "-m", "selector"), env, ready=ready, restart=False)
            self._stack.add(spec, wait=False)
        for name in self._ports:
            self._stack.wait_ready(name)

    def sample(self) -> Sample:
        """The counters now."""
        scraped = [_scrape(port) for port in self._ports.values()]
        return Sample(
            time.monotonic(),
            sum(values["process_cpu_seconds_total"] for values, _ in scraped),
            tuple(values.get("winnow_verdicts_total", 0.0) for values, _ in scraped),
            sum(values.get("winnow_state_bytes_total", 0.0) for values, _ in scraped),
            {name: sum(phases.get(name, 0.0) for _, phases in scraped) for name in scraped[0][1]},
        )


def camera_of(number: int, cameras: int = CAMERAS) -> str:
    """The camera of the frame with this number: they take turns."""
    return f"camera-{number % cameras}"


def unique(image: bytes, number: int) -> bytes:
    """JPEG ends at its end marker: what comes behind makes the bytes of a repeated picture its own."""
    return image + number.to_bytes(4, "big")


def _scrape(port: int) -> tuple[dict[str, float], dict[str, float]]:
    """A process's metrics summed over their labels, and its phases by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text = response.read().decode()
    values: dict[str, float] = {}
    phases: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
            if sample.name == "winnow_loop_phase_seconds_total":
                phases[sample.labels["phase"]] = sample.value
    return values, phases

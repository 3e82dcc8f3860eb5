"""A namespace on the real servers, with services as processes that tests start, kill and stop."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.process import Forked, New, Process
from winnow.clock import now
from winnow.codec import Codec
from winnow.contract import load_topics
from winnow.events import Frame, SelectionPolicy
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.objects import Objects
from winnow.settings import DatabaseSettings, KafkaSettings, ObjectSettings, load
from winnow_cli.deployment.prepare import prepare_contract, prepare_storage
from winnow_cli.stack import Stack
from winnow_cli.stack.home import free_port

SAMPLING_KEY = b"a key that tests share: 32 bytes"
POLICY = SelectionPolicy(
    kept_per_hour=1200.0,
    burst=10.0,
    changed_at=now(),
    control_every_s=2.0,
    split_block_s=20.0,
    sampling_key=SAMPLING_KEY,
)

ResultT = TypeVar("ResultT")


def eventually(
    ask: Callable[[], ResultT], *, timeout_s: float = 60.0, what: str = "", every_s: float = 0.05
) -> ResultT:
    """What `ask` gives as soon as that is true; fails with its last answer. `every_s` spares what is dear to ask."""
    until = time.monotonic() + timeout_s
    while not (answer := ask()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout_s:g} s: {what or ask}; the last answer was {answer!r}")
        time.sleep(every_s)
    return answer


@dataclass
class Service:
    """A service's process."""

    name: str
    instance: str
    process: Process
    port: int
    log: Path

    def answer(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_ready(self, timeout_s: float = 60.0) -> Service:
        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.instance} ended with {self.process.returncode}:\n{self.tail()}")
            return self.answer("/readyz")[0] == 200

        eventually(ready, timeout_s=timeout_s, what=f"{self.instance} ready:\n{self.tail()}")
        return self

    def metric(self, name: str) -> float:
        """The sum of a metric's samples whose line starts with `name`; NaN, equal to nothing, without an answer."""
        status, text = self.answer("/metrics")
        if status != 200:
            return float("nan")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self, timeout_s: float = 30.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


class World:
    """One namespace. `prepare` makes its topics and bucket, what has use for its tables makes them first; `close` ends
    its services."""

    def __init__(self, stack: Stack, namespace: str, folder: Path) -> None:
        self.stack = stack
        self.namespace = namespace
        self.folder = folder
        self.env = {
            **stack.env,
            "WINNOW_NAMESPACE": namespace,
            "WINNOW_PROFILE": "local",
            "WINNOW_S3_BUCKET": namespace,
            "WINNOW_POSTGRES_DATABASE": namespace,
        }
        self.services: list[Service] = []
        self._tables = False
        self.kafka = self.settings(KafkaSettings)
        self.names = self.kafka.names
        self.codec = Codec(self.kafka.registry_url)

    def settings(self, kind: Any) -> Any:
        """Settings of a service in this namespace."""
        if issubclass(kind, DatabaseSettings):
            self.need_tables()
        with environment(self.env):
            return load(kind)

    def prepare(self, policy: SelectionPolicy = POLICY) -> None:
        with environment(self.env):
            prepare_contract(policy)
            Objects(load(ObjectSettings)).ensure_bucket()
        self.set_policy(policy)

    def need_tables(self) -> None:
        """For commands that ask the database; services and settings that do so need nothing more."""
        if not self._tables:
            with environment(self.env):
                prepare_storage()
            self._tables = True

    def set_policy(self, policy: SelectionPolicy, key: str = "default") -> None:
        publisher = Publisher(self.kafka, client_id="test-policy")
        publisher.publish(self.names.policies, key, self.codec.encode(self.names.policies, replace(policy)))
        publisher.flush()

    def start(
        self, name: str, *, instance: str | None = None, wait: bool = True, anew: bool = False, **env: str
    ) -> Service:
        """A service's process; `wait` until it is ready. `anew`: an interpreter of its own, for tests of its memory."""
        if name in ("store", "ledger"):
            self.need_tables()
        instance = instance or f"{name}-0"
        port = free_port()
        log = self.folder / f"{instance}.log"
        log.touch()
        env = {**os.environ, **self.env, "WINNOW_INSTANCE": instance, "WINNOW_HEALTH_PORT": str(port), **env}
        process = (New if anew else Forked)(name, env, log)
        service = Service(name, instance, process, port, log)
        self.services.append(service)
        return service.wait_ready() if wait else service

    def publish(self, frames: list[Frame], *, topic: str | None = None) -> None:
        """Frames to the broker, acknowledged when this returns."""
        publisher = Publisher(self.kafka, client_id="test-frames")
        for frame in frames:
            value = self.codec.encode(self.names.frames, frame)
            publisher.publish(topic or self.names.frames, frame.camera_id, value)
        publisher.flush()

    def records(self, topic: str) -> list[Record]:
        """All committed records of a topic, by partition and offset."""
        partitions = next(t.partitions for t in load_topics(self.names, self.kafka.profile) if t.name == topic)
        return [
            record
            for partition in range(partitions)
            for record in read_to_end(self.kafka, topic, partition, client_id=f"test-{topic}-{partition}")
        ]

    def events(self, topic: str, kind: type[ResultT]) -> list[ResultT]:
        """All committed events of a topic."""
        return [self.codec.decode(kind, record.value) for record in self.records(topic)]

    def close(self) -> None:
        for service in self.services:
            service.kill()
        # Hundreds of namespaces make every client's metadata slow, and the broker with them.
        admin = AdminClient(config.admin(self.kafka))
        with contextlib.suppress(KafkaException):
            own = [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(f"{self.namespace}.")]
            for done in (admin.delete_topics(own, request_timeout=10) if own else {}).values():
                done.result()  # a client that goes while it is asked takes the process with it

    @property
    def database(self) -> DatabaseSettings:
        found: DatabaseSettings = self.settings(DatabaseSettings)
        return found

    @property
    def objects(self) -> ObjectSettings:
        found: ObjectSettings = self.settings(ObjectSettings)
        return found


class environment:
    """`os.environ` with these variables for the time of a block."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        os.environ.update(self._variables)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self._before)

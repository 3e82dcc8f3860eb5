"""How fast frames come in through folder, uploads and plain topic, beside a bare producer of the same bytes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from ingest.adapters.uploads.keys import make_key
from winnow.errors import WinnowError
from winnow.kafka import config
from winnow.settings import KafkaSettings
from winnow_cli.bench.frames import camera_frames
from winnow_cli.bench.ingest_sender import CAMERA
from winnow_cli.deployment.apply import Contract
from winnow_cli.stack import ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

WAYS = ("bare", "folder", "uploads", "topic")

Say = Callable[[str], None]


def run(stack: Stack, video: Path, size: tuple[int, int], frames: int, *, rounds: int, say: Say) -> dict[str, Any]:
    """One size: `rounds` times each way in turn, `frames` frames each time, after a pass that is not counted."""
    width, height = size
    say(f"{width}x{height}: encoding {frames} frames")
    images = camera_frames(video, frames, size)
    bytes_per_frame = statistics.mean(map(len, images))
    with tempfile.TemporaryDirectory(dir=stack.run.scratch) as folder, ExitStack() as ends:
        for number, image in enumerate(images):
            (Path(folder) / f"{number:06}.jpg").write_bytes(image)
        del images
        doors = ends.enter_context(_doors(stack, Path(folder)))
        for number in range(rounds + 1):
            say(f"{width}x{height}: round {number} of {rounds}" if number else f"{width}x{height}: warming up")
            for door in doors.values():
                door.send(count=number > 0)
    bare = doors["bare"].seconds
    return {
        "width": width,
        "height": height,
        "bytes_per_frame": round(bytes_per_frame),
        "frames": frames,
        "rounds": rounds,
        "doors": {name: _row(door, bare, frames, bytes_per_frame) for name, door in doors.items()},
    }


def _row(door: _Door, bare_s: list[float], frames: int, bytes_per_frame: float) -> dict[str, Any]:
    per_s = frames / statistics.median(door.seconds)
    # Round by round: what else the machine does changes slower than that.
    ratios = [bare / own for bare, own in zip(bare_s, door.seconds, strict=True)]
    row = {
        "frames_per_s": round(per_s, 1),
        "mb_per_s": round(per_s * bytes_per_frame / 1e6, 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "cpu_s_per_1000": round(1000 * statistics.median(door.cpu_s) / frames, 3),
    }
    if door.client_cpu_s:
        row["client_cpu_s_per_1000"] = round(1000 * statistics.median(door.client_cpu_s) / frames, 3)
    return row


class _Door:
    """A sender, and the service that it sends to where it is not itself the one that is measured."""

    def __init__(self, name: str, env: dict[str, str], service_pid: int | None = None, **arguments: Any) -> None:
        self._name = name
        self._service = None if service_pid is None else psutil.Process(service_pid)
        self.seconds: list[float] = []
        self.cpu_s: list[float] = []
        self.client_cpu_s: list[float] = []
        # It ends with its standard input, and so with this process.
        self._sender = subprocess.Popen(
            [sys.executable, "-m", "winnow_cli.bench.ingest_sender", name],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask(arguments)

    def send(self, *, count: bool) -> None:
        """All pictures, once. Raises `WinnowError`."""
        before_s = self._service_cpu_s()
        took = self._ask("send")
        service_s = self._service_cpu_s() - before_s
        if not count:
            return
        self.seconds.append(took["seconds"])
        if self._service is None:
            self.cpu_s.append(took["cpu_s"])
        else:
            self.cpu_s.append(service_s)
            self.client_cpu_s.append(took["cpu_s"])

    def close(self) -> None:
        self._sender.communicate()

    def _ask(self, what: object) -> Any:
        assert self._sender.stdin is not None and self._sender.stdout is not None
        self._sender.stdin.write(json.dumps(what) + "\n")
        self._sender.stdin.flush()
        answer = self._sender.stdout.readline()
        if not answer:
            raise WinnowError(f"the sender of {self._name} ended with {self._sender.wait()}; why stands above")
        return json.loads(answer)

    def _service_cpu_s(self) -> float:
        if self._service is None:
            return 0.0
        times = self._service.cpu_times()
        return times.user + times.system


@contextmanager
def _doors(stack: Stack, folder: Path) -> Iterator[dict[str, _Door]]:
    """Every way in, connected, in a namespace of its own."""
    with namespace(stack) as (env, kafka), ExitStack() as ends, tempfile.TemporaryDirectory() as aside:
        plain = f"{kafka.namespace}.pictures"
        admin = AdminClient(config.admin(kafka))  # a client that nobody holds takes its answers with it
        admin.create_topics([NewTopic(plain, 1)])[plain].result(30)
        keys, port = Path(aside) / "keys", free_port()
        upload = {
            "WINNOW_INGEST_UPLOAD_PORT": str(port),
            "WINNOW_INGEST_UPLOAD_KEYS_FILE": str(keys),
            "WINNOW_INGEST_SPOOL_DIR": str(Path(aside) / "spool"),
        }
        key = make_key(keys, CAMERA)
        relay = {"WINNOW_INGEST_SOURCES": json.dumps([{"source": f"topic:{plain}"}])}
        taker = ends.enter_context(ingest_service(stack, "uploads", {**env, **upload}))
        relayer = ends.enter_context(ingest_service(stack, "relay", {**env, **relay}))
        doors: dict[str, _Door] = {}
        for name, pid, more in (
            ("bare", None, {}),
            ("folder", None, {}),
            ("uploads", taker, {"port": port, "key": key}),
            ("topic", relayer, {"topic": plain}),
        ):
            doors[name] = _Door(name, env, pid, folder=str(folder), **more)
            ends.callback(doors[name].close)
        yield doors


@contextmanager
def namespace(stack: Stack) -> Iterator[tuple[dict[str, str], KafkaSettings]]:
    """Topics that are gone afterwards, and the environment that leads to them."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    env = {**stack.env, "WINNOW_NAMESPACE": name, "WINNOW_PROFILE": "local"}
    kafka = KafkaSettings(
        namespace=name,
        group_protocol="consumer",
        profile="local",
        kafka_bootstrap=env["WINNOW_KAFKA_BOOTSTRAP"],
        registry_url=env["WINNOW_REGISTRY_URL"],
    )
    Contract(kafka).apply()
    try:
        yield env, kafka
    finally:
        admin = AdminClient(config.admin(kafka))
        own = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(f"{name}.")]
        for gone in admin.delete_topics(own).values():
            gone.result(30)


@contextmanager
def ingest_service(stack: Stack, name: str, env: dict[str, str]) -> Iterator[int]:
    """Ingest as it runs in an installation; gives its process id."""
    name, port = f"ingest-{name}", free_port()
    ready = Ready("http", f"http://127.0.0.1:{port}/readyz")
    more = {"WINNOW_INSTANCE": name, "WINNOW_HEALTH_PORT": str(port)}
    stack.add(ProcessSpec(name, (sys.executable, "-m", "ingest"), {**env, **more}, ready=ready, restart=False))
    try:
        pid = stack.pid(name)
        assert pid is not None
        yield pid
    finally:
        stack.stop(name)


def show(console: Console, runs: list[dict[str, Any]], camera: dict[str, float]) -> None:
    """A table for each size, and the live camera's memory."""
    for run in runs:
        table = Table(title=f"{run['width']}x{run['height']}, {run['bytes_per_frame'] / 1000:.0f} KB a frame")
        table.add_column("way in")
        for column in ("frames/s", "MB/s", "to bare", "range", "CPU ms", "client's"):
            table.add_column(column, justify="right")
        for name, door in run["doors"].items():
            table.add_row(
                name,
                f"{door['frames_per_s']:.0f}",
                f"{door['mb_per_s']:.0f}",
                f"{door['ratio']:.2f}",
                "-".join(f"{ratio:.2f}" for ratio in door["ratio_spread"]),
                f"{door['cpu_s_per_1000']:.2f}",
                f"{door['client_cpu_s_per_1000']:.2f}" if "client_cpu_s_per_1000" in door else "",
            )
        console.print(table)
    console.print(
        f"a live camera of 1920x1080 over MJPEG: {camera['total_mb']:.0f} MB "
        f"(ingest {camera['rss_mb']:.0f}, its child {camera['child_rss_mb']:.0f})"
    )

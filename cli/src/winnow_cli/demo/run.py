"""The demo from the first server to the balance."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.live import Live

from winnow.clock import from_ms, now
from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Camera, SelectionPolicy
from winnow.kafka.producer import Publisher
from winnow.settings import KafkaSettings, load
from winnow_cli import services
from winnow_cli.demo.cameras import DemoCamera
from winnow_cli.demo.compare import Comparison, compare, events_of
from winnow_cli.demo.display import live
from winnow_cli.demo.watch import Watch
from winnow_cli.deployment.prepare import prepare_contract, prepare_storage
from winnow_cli.stack import ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

POLICY = SelectionPolicy(
    kept_per_hour=1200.0,
    burst=10.0,
    changed_at=from_ms(0),
    control_every_s=2.0,
    split_block_s=20.0,
    note="the demo's",
)
INGEST = "ingest"
SETTLE_S = 60.0
"""Without any progress for this long, what is open stays open and the demo fails with it."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo led to. `result` is the object that `--json` prints, `example` the id of a kept frame."""

    result: dict[str, Any]
    comparisons: list[Comparison]
    problems: list[str]
    example: str | None

    @property
    def holds(self) -> bool:
        """Whether every frame is accounted for: nothing lost, nothing open, no problem."""
        nothing_open = not any(self.result[key] for key in ("lost", "expired", "in_flight"))
        return bool(self.result["balanced"] and nothing_open and self.result["frames"] and not self.problems)


def play(stack: Stack, cameras: list[DemoCamera], console: Console, *, began_s: float) -> Demo:
    """Plays the cameras through the running servers to the end, and settles the balance."""
    settings = load(KafkaSettings)
    with ThreadPoolExecutor(1) as beside:
        storage = beside.submit(prepare_storage)
        prepare_contract(POLICY)
        _describe(settings, cameras)
        watch = Watch(settings, began_s)
        port = _start(stack, cameras, console, storage)
    try:
        _until_played(stack, port, cameras, watch, console)
        published = _acknowledged(stack.run.log(INGEST))
        balance = _settled(_balance)
    finally:
        watch.close()
    result = {
        **{key: balance[key] for key in KEYS},
        "seconds": round(time.monotonic() - began_s, 1),
        "first_kept_s": round(watch.first_kept_s, 1) if watch.first_kept_s is not None else None,
        "cameras": len(cameras),
    }
    problems = [*balance["problems"], *still_open(balance)]
    if published != balance["frames"]:
        problems.append(f"the broker acknowledged {published} frames to ingest, the balance has {balance['frames']}")
    return Demo(result, _comparisons(cameras, watch), problems, watch.last_novel)


KEYS = (
    "frames",
    "verdicts",
    "kept",
    "control",
    "rejected",
    "unreadable",
    "redelivered",
    "expired",
    "lost",
    "stored",
    "in_flight",
    "dead_letters",
    "balanced",
)


def _describe(settings: KafkaSettings, cameras: list[DemoCamera]) -> None:
    """Camera records, before the first frame: cameras that see one scene share a group."""
    publisher, codec, topic = (
        Publisher(settings, client_id="demo"),
        Codec(settings.registry_url),
        settings.names.cameras,
    )
    for camera in cameras:
        record = Camera(camera.camera_id, now(), name=camera.camera_id, group=camera.group)
        publisher.publish(topic, camera.camera_id, codec.encode(topic, record))
    publisher.flush()


def _start(stack: Stack, cameras: list[DemoCamera], console: Console, storage: Future[None]) -> int:
    """Starts ingest and the services in the order in which a frame meets them; returns ingest's health port.

    One after the other, since all at once share two cores: the first verdict would come seconds later. `storage` is
    what comes before the services behind the selector.
    """
    port, began_s = free_port(), time.monotonic()
    env = {
        **stack.env,
        "WINNOW_HEALTH_PORT": str(port),
        "WINNOW_INGEST_SOURCES": json.dumps([camera.ingest_source() for camera in cameras]),
    }
    ready = Ready("http", f"http://127.0.0.1:{port}/livez")
    argv = (sys.executable, "-m", "ingest")
    stack.add(ProcessSpec(INGEST, argv, env, ready=ready, restart=False, ports={"health": port}), wait=False)
    for spec in services.service_specs(stack.env, stack.home):
        if spec.name != "selector":
            storage.result()
        stack.add(spec)
        console.print(f"  {spec.name} ready after {time.monotonic() - began_s:.1f} s")
    return port


def _until_played(stack: Stack, port: int, cameras: list[DemoCamera], watch: Watch, console: Console) -> None:
    """Shows the progress until ingest has ended well. Raises `WinnowError`."""
    published: dict[str, int] = {camera.camera_id: 0 for camera in cameras}
    shown = live(published, watch.cameras, 0)
    with Live(shown, console=console, refresh_per_second=4, transient=not console.is_terminal) as display:
        while True:
            published |= _published(port)
            display.update(live(published, dict(watch.cameras), watch.seconds))
            ended = _exit_of(stack)
            if ended is not None:
                break
            time.sleep(0.25)
        until = time.monotonic() + 10
        while watch.verdicts < sum(published.values()) and time.monotonic() < until:
            time.sleep(0.1)
            display.update(live(published, dict(watch.cameras), watch.seconds))
    if ended != 0:
        raise WinnowError(
            f"ingest ended with {ended}; what it published before is judged and kept. The end of its log:\n"
            f"{_log_tail(stack.run.log(INGEST))}"
        )


def _acknowledged(log: Path) -> int:
    """Frames that the broker has acknowledged, by what ingest says at the end of each source."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return sum(line["published"] for line in lines if line["event"] == "source ended")


def _exit_of(stack: Stack) -> int | None:
    process = next(one for one in stack.status() if one["name"] == INGEST)
    return process["exit_code"] if process["state"] == "ended" else None


def _published(port: int) -> dict[str, int]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as response:
            text = response.read().decode()
    except OSError:
        return {}
    return {
        sample.labels["camera"]: int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "winnow_frames_published_total"
    }


def _balance() -> dict[str, Any]:
    from ledger.adapters.evidence import balance
    from ledger.settings import ReaderSettings

    return balance(load(ReaderSettings)).to_json()


def _settled(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The balance once nothing is on its way any more, or nothing has moved for a minute."""
    last: tuple[Any, ...] = ()
    until = time.monotonic() + SETTLE_S
    while True:
        found = ask()
        open_ = tuple(found[key] for key in ("unjudged", "pending", "in_flight"))
        if not any(open_):
            return found
        if open_ != last:
            last, until = open_, time.monotonic() + SETTLE_S
        elif time.monotonic() > until:
            return found
        time.sleep(0.3)


def still_open(balance: dict[str, Any]) -> list[str]:
    """What a settled demo has none of, in words: frames that the selector or the ledger has not come to."""
    where = {"unjudged": "wait for the selector", "pending": "have a verdict that the ledger has not written"}
    return [f"{balance[key]} frames {what}" for key, what in where.items() if balance[key]]


def _comparisons(cameras: list[DemoCamera], watch: Watch) -> list[Comparison]:
    found = []
    for camera in cameras:
        tally = watch.cameras.get(camera.camera_id)
        events = events_of(camera) if tally is not None and tally.kept_by_rules else None
        if tally is not None and events:
            events = [span for span in events if span[0] < tally.verdicts]
            found.append(compare(camera.camera_id, events, tally.kept_by_rules, tally.verdicts))
    return found


def _log_tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

"""What a frame costs the selector, from the broker to the committed verdict, beside the bare decode of it."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console
from rich.table import Table

from winnow.codec import Codec
from winnow.errors import WinnowError
from winnow.events import Verdict
from winnow.kafka import config
from winnow.kafka.record import record_of
from winnow.settings import KafkaSettings
from winnow_cli.bench.frames import bare_decode_s, camera_frames
from winnow_cli.bench.selector_process import CAMERAS, TIMEOUT_S, Say, SelectorProcesses
from winnow_cli.stack import Stack

HALF_LOAD_S = 15.0


def run(stack: Stack, video: Path, size: tuple[int, int], frames: int, say: Say) -> dict[str, Any]:
    """One row of the table: a fresh namespace, a fresh selector process, `frames` frames of one size."""
    width, height = size
    say(f"{width}x{height}: encoding {frames} frames")
    images = camera_frames(video, frames, size)
    selector = SelectorProcesses(stack)
    decode_s = [bare_decode_s(images)]
    say(f"{width}x{height}: all at once")
    selector.publish_all(images, frames)
    rate = selector.judge_backlog()
    decode_s.append(bare_decode_s(images))
    bare_per_cpu_s = len(images) / statistics.mean(decode_s)
    say(f"{width}x{height}: at half load, {rate.wall_per_s / 2:.0f} frames/s for {HALF_LOAD_S:.0f} s")
    latencies_ms, state_bytes = _at_rate(selector, images, rate.wall_per_s / 2)
    selector.close()
    return {
        "width": width,
        "height": height,
        "frames": rate.frames,
        "bytes_per_frame": round(statistics.mean(map(len, images))),
        "selector_per_cpu_s": round(rate.per_cpu_s, 1),
        "bare_decode_per_cpu_s": round(bare_per_cpu_s, 1),
        "ratio": round(rate.per_cpu_s / bare_per_cpu_s, 3),
        "wall_per_s": round(rate.wall_per_s, 1),
        "time_share": {name: round(share, 3) for name, share in rate.time_share.items()},
        "state_bytes_per_frame": round(max(state_bytes, rate.state_bytes_per_frame)),
        "half_load_per_s": round(rate.wall_per_s / 2, 1),
        "latency_ms": {
            "p50": round(float(np.percentile(latencies_ms, 50)), 1),
            "p99": round(float(np.percentile(latencies_ms, 99)), 1),
        },
    }


def _at_rate(selector: SelectorProcesses, images: list[bytes], per_s: float) -> tuple[list[float], float]:
    """Latencies in ms, publish to verdict seen by a committed reader, and state bytes a frame."""
    reader = _VerdictReader(selector.kafka, selector.codec)
    before = selector.sample()
    count = int(per_s * HALF_LOAD_S)
    sent: dict[str, float] = {}
    begin_s = time.monotonic()
    for index in range(count):
        delay_s = begin_s + index / per_s - time.monotonic()
        if delay_s > 0:
            selector.publisher.poll()
            time.sleep(delay_s)
        sent[selector.publish(images[index % len(images)])] = time.monotonic()
    selector.publisher.flush()
    seen = reader.until(set(sent))
    after = selector.sample()
    return (
        [(seen[frame_id] - at_s) * 1000 for frame_id, at_s in sent.items()],
        (after.state_bytes - before.state_bytes) / count,
    )


class _VerdictReader:
    """Follows the verdicts from now on, and notes when a committed reader has each.

    It begins at the end: reading what the backlog left would keep the first new ones waiting.
    """

    def __init__(self, settings: KafkaSettings, codec: Codec) -> None:
        self._codec = codec
        self._topic = settings.names.verdicts
        self._consumer = Consumer(
            {**config.reader(settings, client_id="bench-verdicts"), "isolation.level": "read_committed"}
        )
        partitions = [TopicPartition(self._topic, p) for p in range(CAMERAS)]
        ends = [self._consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)[1] for partition in partitions]
        self._consumer.assign([TopicPartition(self._topic, p, end) for p, end in enumerate(ends)])
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


def show(console: Console, runs: list[dict[str, Any]]) -> None:
    """A row for each size."""
    table = Table(title="selector through the broker, frames per CPU second")
    for column in ("size", "KB a frame", "selector", "bare decode", "ratio", "wall/s", "p50 ms", "p99 ms", "state B"):
        table.add_column(column, justify="right")
    for row in runs:
        table.add_row(
            f"{row['width']}x{row['height']}",
            f"{row['bytes_per_frame'] / 1000:.0f}",
            f"{row['selector_per_cpu_s']:.0f}",
            f"{row['bare_decode_per_cpu_s']:.0f}",
            f"{row['ratio']:.2f}",
            f"{row['wall_per_s']:.0f}",
            f"{row['latency_ms']['p50']:.0f}",
            f"{row['latency_ms']['p99']:.0f}",
            str(row["state_bytes_per_frame"]),
        )
    console.print(table)

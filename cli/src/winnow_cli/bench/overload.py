"""Half as many frames again as can be judged: the lag with overload off, and on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from winnow.clock import now
from winnow.errors import WinnowError
from winnow.events import SelectionPolicy, Verdict
from winnow.kafka.restore import read_to_end
from winnow_cli.bench.overload_result import LoadResult
from winnow_cli.bench.overload_scene import Footage
from winnow_cli.bench.selector_process import CAMERAS as PARTITIONS
from winnow_cli.bench.selector_process import SAMPLE_EVERY_S, TIMEOUT_S, Say, SelectorProcesses
from winnow_cli.stack import Stack

CAMERAS = 60
LOAD = 1.5
LIMIT_S = 3.0
BEFORE = 20 * CAMERAS
"""Frames judged before the load: enough sizes of each camera, and code that is warm."""

AFTER = 2 * CAMERAS
"""Frames after the backlog, at half of what can be judged: they show whether effort is full again."""

PROBE_S, LOAD_S = 8.0, 24.0
KEY = b"winnow bench, the published key!"
POLICY = SelectionPolicy(
    360.0, 20.0, now(), control_every_s=60.0, sampling_key=KEY, overload=False, overload_after_s=LIMIT_S
)  # fmt: skip


def rate_of_load(stack: Stack, footage: Footage, say: Say) -> float:
    """Frames a second that are `LOAD` times what is judged while they come in.

    Broker and producer work on the same cores: what they take grows with the rate. A backlog that is judged alone, and
    one while as many come in, give what a frame that comes in costs in frames that are judged.
    """
    with _selector(stack, footage) as (selector, alone_per_s):
        say(f"{alone_per_s:.0f} frames/s judged from a backlog; as many for {PROBE_S:.0f} s")
        before = selector.sample()
        _send(selector, footage, BEFORE, alone_per_s, PROBE_S)
        after = selector.sample()
    beside_per_s = (sum(after.verdicts) - sum(before.verdicts)) / (after.at_s - before.at_s)
    cost = max(0.0, alone_per_s / beside_per_s - 1.0)
    return LOAD * alone_per_s / (1.0 + LOAD * cost)


def load(stack: Stack, footage: Footage, per_s: float, *, overload: bool, say: Say) -> LoadResult:
    """`LOAD_S` seconds of that rate until the last frame is judged, and some frames after it.

    Raises `WinnowError` where that takes too long.
    """
    with _selector(stack, footage) as (selector, _):
        names = selector.kafka.names
        policy = selector.codec.encode(names.policies, replace(POLICY, overload=overload))
        selector.publisher.publish(names.policies, "default", policy)
        selector.publisher.flush()
        say(f"overload {'on' if overload else 'off'}: {per_s:.0f} frames/s for {LOAD_S:.0f} s")
        before = selector.sample()
        frames, sent_s = _send(selector, footage, BEFORE, per_s, LOAD_S)
        after = selector.sample()
        judged = sum(after.verdicts) - sum(before.verdicts)
        _until(selector, BEFORE + frames)
        calm, _ = _send(selector, footage, BEFORE + frames, per_s / LOAD / 2, AFTER / (per_s / LOAD / 2))
        result = LoadResult(frames / sent_s, judged / (after.at_s - before.at_s), frames + calm)
        _until(selector, BEFORE + result.frames)
        result.count(_verdicts(selector), footage, CAMERAS, BEFORE)
    return result


def _verdicts(selector: SelectorProcesses) -> Iterator[Verdict]:
    topic = selector.kafka.names.verdicts
    for partition in range(PARTITIONS):
        for record in read_to_end(selector.kafka, topic, partition, client_id=f"bench-verdicts-{partition}"):
            yield selector.codec.decode(Verdict, record.value)


@contextmanager
def _selector(stack: Stack, footage: Footage) -> Iterator[tuple[SelectorProcesses, float]]:
    """A selector that has judged the first frames, and how many a second."""
    selector = SelectorProcesses(stack, cameras=CAMERAS, policy=POLICY)
    try:
        for number in range(BEFORE):
            selector.publish(footage.images[footage.place(number, CAMERAS)])
        selector.publisher.flush()
        yield selector, selector.judge_backlog().wall_per_s
    finally:
        selector.close()


def _send(selector: SelectorProcesses, footage: Footage, first: int, per_s: float, seconds: float) -> tuple[int, float]:
    """Frames from number `first` on at an even pace; how many, and in how many seconds."""
    count = int(per_s * seconds)
    begin_s = time.monotonic()
    for index in range(count):
        delay_s = begin_s + index / per_s - time.monotonic()
        if delay_s > 0:
            selector.publisher.poll()
            time.sleep(delay_s)
        selector.publish(footage.images[footage.place(first + index, CAMERAS)])
    selector.publisher.flush()
    return count, time.monotonic() - begin_s


def _until(selector: SelectorProcesses, verdicts: int) -> None:
    until_s = time.monotonic() + TIMEOUT_S
    while (judged := sum(selector.sample().verdicts)) < verdicts:
        if time.monotonic() > until_s:
            raise WinnowError(f"the selector made {judged:.0f} of {verdicts} verdicts in {TIMEOUT_S:g} s")
        time.sleep(SAMPLE_EVERY_S)

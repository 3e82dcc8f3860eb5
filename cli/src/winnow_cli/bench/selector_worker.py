"""What a measuring process does with its frames: bare decode, selection without servers, reading messages.

It runs in a process of its own with the services' compile target, and is measured there by the process' own clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import TypeVar
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from selector.adapters.frames import Extracted, extract_image
from selector.adapters.verdicts import States, judge
from selector.app import warm_up
from selector.domain.extraction import ExtractionLimits
from selector.domain.jpeg import decode_dc
from selector.domain.policy import DEFAULT, PolicyBook
from winnow.clock import EPOCH
from winnow.errors import WinnowError
from winnow.events import Frame, Source
from winnow.kafka import config
from winnow.lifecycle import spare_garbage_collector
from winnow.settings import KafkaSettings
from winnow_cli.bench.frames import bare_decode
from winnow_cli.bench.selector_process import CAMERAS, POLICY, camera_of, unique

CHUNK = 4
"""Frames that a thread takes at a time, as in the loop."""
FRAME_EVERY = timedelta(milliseconds=1)
READ_TIMEOUT_S = 60.0
LIMITS = ExtractionLimits()

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of so many frames, by the clocks of one process with all its threads."""

    frames: int
    cpu_s: float
    wall_s: float


class _Bench:
    """The frames of a process, and the state of its cameras, which goes on from call to call."""

    def __init__(self, images: Sequence[bytes]) -> None:
        self._images = images
        self._number = 0
        self._states: States = {}
        self._book = PolicyBook()
        self._book.set_policy(DEFAULT, 0, replace(POLICY, sampling_key=bytes(32)))

    def bare(self, threads: int) -> Cost:
        return _measured(self._images, lambda images: _through(bare_decode, images, threads))

    def decode(self) -> Cost:
        return _measured(self._images, lambda images: map(decode_dc, images))

    def offline(self, threads: int) -> Cost:
        def select(frames: Sequence[Frame]) -> Iterator[object]:
            for frame, extracted in zip(frames, _through(_extract, frames, threads), strict=True):
                source = Source("bench", 0, frame.sequence or 0)
                yield judge(extracted, source, frame.captured_at, self._states, self._book.in_force)

        return _measured(self._frames(), select)

    def _frames(self) -> list[Frame]:
        first = self._number
        self._number += len(self._images)
        return [
            Frame(
                f"{UUID(int=number)}",
                camera_of(number),
                EPOCH + number * FRAME_EVERY,
                number,
                "image/jpeg",
                unique(image, number),
            )
            for number, image in enumerate(self._images, first)
        ]


_benches: list[_Bench] = []
"""One, in a process that is ready."""


def prepare(images: Sequence[bytes]) -> None:
    """Makes this process ready to measure with these frames."""
    warm_up()
    spare_garbage_collector()
    _benches.append(_Bench(images))
    offline(1)


def bare(threads: int) -> Cost:
    """OpenCV's gray/8 decode and nothing else."""
    return _benches[0].bare(threads)


def decode() -> Cost:
    """The DC decoder alone, on one thread."""
    return _benches[0].decode()


def offline(threads: int) -> Cost:
    """Extraction on so many threads (one: no others than the one that decides) and the decision."""
    return _benches[0].offline(threads)


def warm_up_cpu_s() -> float:
    """What a fresh process spends on compiled code until it is ready, beyond its imports."""
    begin_s = time.process_time()
    warm_up()
    return time.process_time() - begin_s


def read(kafka: KafkaSettings, count: int) -> Cost:
    """Reading so many messages of the frames topic, with the loop's client settings, and letting them go."""
    begin_cpu_s, begin_s = time.process_time(), time.monotonic()
    consumer = Consumer(
        {
            **config.consumer(kafka, kafka.names.group("bench-reader"), client_id="bench-reader"),
            "queued.max.messages.kbytes": 65_536,
        }
    )
    consumer.assign([TopicPartition(kafka.names.frames, p, OFFSET_BEGINNING) for p in range(CAMERAS)])
    seen = 0
    while seen < count:
        messages = [consumer.poll(1.0), *consumer.consume(63, 0)]
        seen += sum(len(message.value() or b"") > 0 for message in messages if message is not None)
        if time.monotonic() - begin_s > READ_TIMEOUT_S:
            raise WinnowError(f"{seen} of {count} messages were read in {READ_TIMEOUT_S:g} s")
    consumer.close()
    return Cost(seen, time.process_time() - begin_cpu_s, time.monotonic() - begin_s)


def _measured(frames: Sequence[_Given], work: Callable[[Sequence[_Given]], Iterable[object]]) -> Cost:
    begin_cpu_s, begin_s = time.process_time(), time.monotonic()
    for _ in work(frames):
        pass
    return Cost(len(frames), time.process_time() - begin_cpu_s, time.monotonic() - begin_s)


def _extract(frame: Frame) -> Extracted:
    assert isinstance(frame.image, bytes)
    return extract_image(frame, frame.frame_id or "", frame.image, LIMITS)


def _through(work: Callable[[_Given], _Found], frames: Sequence[_Given], threads: int) -> Iterator[_Found]:
    """`work` of each frame in order, by this thread or by so many others."""
    if threads == 1:
        yield from map(work, frames)
        return
    chunks = [frames[i : i + CHUNK] for i in range(0, len(frames), CHUNK)]
    with ThreadPoolExecutor(threads) as pool:
        yield from chain.from_iterable(pool.map(lambda chunk: [work(frame) for frame in chunk], chunks))

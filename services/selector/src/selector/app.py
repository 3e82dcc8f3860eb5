"""The selector: frames in, one verdict each; kept ones go on to the store."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import cv2
import numpy as np

from selector.adapters.frames import Extracted
from selector.adapters.policies import Policies
from selector.adapters.processor import FrameProcessor
from selector.adapters.verdicts import States
from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.masks import EVERYTHING
from selector.domain.noise import NoiseFloor, near_duplicate_thresholds
from selector.domain.quality.inspect import Memory, inspect
from selector.domain.quality.reference import WARM_UP_STEPS
from selector.domain.ring import Ring
from selector.domain.signature import Signature
from selector.settings import SelectorSettings
from winnow.codec import Codec
from winnow.health import Health, HealthServer
from winnow.kafka.transactional import LoopSettings, TransactionalLoop
from winnow.kafka.transactional_producer import TransactionalProducer
from winnow.lifecycle import spare_garbage_collector
from winnow.references import References


@dataclass(frozen=True, slots=True)
class Selector:
    """The parts that run: the loop, the policies beside it and the health server."""

    loop: TransactionalLoop[States, Extracted]
    policies: Policies
    server: HealthServer

    def run(self, stop: Event) -> None:
        try:
            self.loop.run(stop)
        finally:
            self.policies.close()
            self.server.close()


def build(settings: SelectorSettings, health: Health, producer: TransactionalProducer) -> Selector:
    """Wires the selector; compiled code is warm when this returns."""
    warm_up()
    spare_garbage_collector()
    names = settings.names
    codec = Codec(settings.registry_url)
    policies = Policies(settings, codec, client_id=settings.instance)
    references = References(settings)
    processor = FrameProcessor(names, codec, policies, references, ExtractionLimits(settings.max_pixels))
    loop_settings = LoopSettings(
        group=settings.group,
        topic=names.frames,
        state_topic=names.state,
        instance=settings.instance,
        threads=settings.extract_threads,
        batch_max=settings.batch_max,
        linger_s=settings.linger_s,
    )
    loop = TransactionalLoop(processor, loop_settings, settings, health, producer)
    return Selector(loop, policies, HealthServer(health, settings.health_host, settings.health_port))


def warm_up() -> None:
    """Compiles, or loads from the cache, what numba compiles for every way that a frame can take: none waits for it."""
    cv2.setNumThreads(1)  # the threads are ours: one frame each
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    small = picture[:64, :96]
    plain: list[int] = []
    progressive: list[int] = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    signatures: list[Signature] = []
    for kind, pixels, settings in (
        (".jpg", picture, plain),
        (".jpg", picture[..., 0], plain),
        (".jpg", picture[::-1].copy(), plain),
        (".jpg", small, plain),
        (".jpg", picture, progressive),
        (".png", small, plain),
    ):
        signature = extract(cv2.imencode(kind, pixels, settings)[1].tobytes(), ExtractionLimits())
        assert isinstance(signature, Signature)
        signatures.append(signature)
    first, other, moved = signatures[:3]
    Ring().put("warm-up", 0, first).nearest(other, near_duplicate_thresholds(NoiseFloor()))
    memory = Memory()
    for second in range(2 * WARM_UP_STEPS):
        times = {"event_ms": 1000 * second, "broker_ms": 1000 * second}
        _, memory = inspect(memory, first, EVERYTHING, identical=False, **times)
    _, memory = inspect(memory, moved, EVERYTHING, identical=False, event_ms=1_000_000, broker_ms=1_000_000)

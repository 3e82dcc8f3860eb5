"""Ingest: each source on a thread of its own, from its door to the broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict

import structlog

from ingest.domain.source import Source
from ingest.playing import Played, play
from ingest.settings import Settings
from winnow.codec import Codec
from winnow.health import Health, HealthServer
from winnow.settings import KafkaSettings

log = structlog.get_logger()


class Ingest:
    """Plays sources side by side until all have ended or `stop` is set."""

    def __init__(self, sources: Sequence[Source], kafka: KafkaSettings) -> None:
        self._sources = sources
        self._kafka = kafka
        self._codec = Codec(kafka.registry_url)

    def run(
        self,
        stop: threading.Event,
        progressed: Callable[[Played], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
    ) -> list[Played]:
        """What became of each source, in their order. `progressed` is called on the sources' threads."""
        with ThreadPoolExecutor(len(self._sources), "source") as pool:
            running = [
                pool.submit(play, source, self._kafka, self._codec, stop, progressed) for source in self._sources
            ]
            try:
                while wait(running, timeout=1.0).not_done:
                    beat()
            except BaseException:
                stop.set()
                raise
            return [future.result() for future in running]


def serve(settings: Settings, stop: threading.Event) -> int:
    """The service: 0 when every source was published whole, or was told to stop; 1 when one was not."""
    health = Health()
    server = HealthServer(health, settings.health_host, settings.health_port)
    try:
        health.ready()
        results = Ingest(settings.ingest_sources, settings).run(stop, beat=health.beat)
    finally:
        server.close()
    for played in results:
        note = log.info if played.whole or (played.interrupted and not played.error) else log.error
        note("source ended", **asdict(played))
    return 0 if all(p.whole or (p.interrupted and not p.error and not p.failed) for p in results) else 1

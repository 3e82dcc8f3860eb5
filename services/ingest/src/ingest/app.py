"""Ingest: each source on a thread of its own, from its door to the broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog

from ingest.adapters.cameras import Cameras
from ingest.adapters.records import FrameRecords
from ingest.adapters.staging import Staging
from ingest.adapters.sweeper import Sweeper
from ingest.domain.source import TOPIC, Source
from ingest.playing import Played, play
from ingest.relaying import relay
from ingest.settings import IngestSettings, Settings
from ingest.streaming import play_live
from winnow.codec import Codec
from winnow.health import Health, HealthServer
from winnow.objects import Objects

if TYPE_CHECKING:
    from ingest.adapters.uploads.door import UploadDoor

log = structlog.get_logger()


class Ingest:
    """Plays sources side by side until all have ended or `stop` is set."""

    def __init__(self, sources: Sequence[Source], settings: IngestSettings) -> None:
        self._sources = sources
        self._settings = settings

    def run(
        self,
        stop: threading.Event,
        progressed: Callable[[Played], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
    ) -> list[Played]:
        """What became of each source, in their order. `progressed` is called on the sources' threads."""
        with frame_records(self._settings) as records, ThreadPoolExecutor(len(self._sources), "source") as pool:
            running = [
                pool.submit(_way(source), source, self._settings, records, stop, progressed) for source in self._sources
            ]
            try:
                while wait(running, timeout=1.0).not_done:
                    beat()
            except BaseException:
                stop.set()
                raise
            return [future.result() for future in running]


def _way(source: Source) -> Callable[..., Played]:
    if source.stream:
        return play_live
    return relay if source.source.startswith(TOPIC) else play


@contextmanager
def frame_records(settings: IngestSettings) -> Iterator[FrameRecords]:
    """How frames become records, for every way in."""
    codec = Codec(settings.registry_url)
    cameras = Cameras(settings, codec, client_id="ingest")
    try:
        yield FrameRecords(settings.names.frames, codec, Staging(Objects(settings)), cameras)
    finally:
        cameras.close()


@contextmanager
def uploads(settings: Settings) -> Iterator[UploadDoor | None]:
    """Takes uploads inside the block, where the settings give a port for them."""
    if settings.ingest_upload_port is None:
        yield None
        return
    from ingest.adapters.uploads.door import UploadDoor  # half a second that no other way in needs

    with frame_records(settings) as records:
        door = UploadDoor(settings, records)
        try:
            yield door
        finally:
            door.close()


def serve(settings: Settings, stop: threading.Event) -> int:
    """The service: 0 when every source was published whole, or was told to stop; 1 when one was not.

    It ends with its sources; where it takes uploads, when it is told to.
    """
    health = Health()
    server = HealthServer(health, settings.health_host, settings.health_port)
    try:
        with uploads(settings) as door:

            def turn() -> None:
                health.beat()
                if door is not None:
                    door.check()

            health.ready()
            sweeper = Sweeper(settings, Objects(settings))
            threading.Thread(target=sweeper.run, args=(stop,), name="sweeper", daemon=True).start()
            results = Ingest(settings.ingest_sources, settings).run(stop, beat=turn) if settings.ingest_sources else []
            for played in results:
                note = log.info if played.whole or (played.interrupted and not played.error) else log.error
                note("source ended", **asdict(played))
            while door is not None and not stop.wait(1.0):
                turn()
    finally:
        server.close()
    return 0 if all(p.whole or (p.interrupted and not p.error and not p.failed) for p in results) else 1

"""A batch of selected frames: objects, then rows, then events; the loop commits when all three are durable.

Killed after any of these lines, the batch is read again and every step repeated: an object of that content, a row of
that source offset and an event of that id are the same ones.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import structlog

from store.adapters import rows
from store.adapters.announcer import Announcer
from store.adapters.rows import ImageNow, StoredFrame
from store.domain.images import check, image_of
from winnow import metrics
from winnow.clock import now
from winnow.codec import Codec
from winnow.contract import Names
from winnow.db import Database
from winnow.errors import PoisonRecord
from winnow.events import SelectedFrame
from winnow.kafka.deadletter import dead_letter
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.objects import Objects
from winnow.references import References

log = structlog.get_logger()


class StoreHandler:
    """Makes batches of selected frames durable. For use from one thread."""

    def __init__(
        self,
        *,
        names: Names,
        codec: Codec,
        objects: Objects,
        references: References,
        database: Database,
        publisher: Publisher,
        announcer: Announcer,
        threads: int,
    ) -> None:
        self._selected = names.selected
        self._dead_letters = names.dead_letters(names.selected, "store")
        self._codec = codec
        self._objects = objects
        self._references = references
        self._database = database
        self._publisher = publisher
        self._announcer = announcer
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="objects")

    def __enter__(self) -> StoreHandler:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pool.shutdown()

    def positions(self, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:  # noqa: ARG002
        """None: the committed offsets say where to start."""
        return {}

    @metrics.store_time.time()
    def handle(self, batch: list[Record]) -> None:
        """Objects, rows, events, dead letters. Raises `DependencyDown`: the same batch may be handled again."""
        self._announcer.sweep()
        results = list(self._pool.map(self._put, batch))
        stored = [result for result in results if isinstance(result, StoredFrame)]
        poison = [(r, e) for r, e in zip(batch, results, strict=True) if isinstance(e, PoisonRecord)]
        if stored:
            images = self._save(stored)
            self._announcer.announce(stored, images)
        if poison:
            self._bury(poison)

    def _put(self, record: Record) -> StoredFrame | PoisonRecord:
        try:
            frame = self._codec.decode(SelectedFrame, record.value)
            check(frame)
            data = frame.image if isinstance(frame.image, bytes) else self._references.fetch(frame.image)
            image = image_of(data)
        except PoisonRecord as error:
            return error
        # Always, and never a look first whether it is there: a look costs as much, and this mends what was removed.
        self._objects.put(image.key, data, image.content_type)
        return StoredFrame(record, frame, image, self._objects.bucket)

    def _save(self, stored: list[StoredFrame]) -> dict[str, ImageNow]:
        async def work(connection: Any) -> tuple[int, int, dict[str, ImageNow]]:
            new = await rows.save(connection, stored, self._announcer.identity, now())
            return *new, await rows.images(connection, [one.image.image_id for one in stored])

        new_images, new_frames, images = self._database.run(work)
        metrics.images_stored.inc(new_images)
        metrics.kept_frames_stored.inc(new_frames)
        return images

    def _bury(self, poison: list[tuple[Record, PoisonRecord]]) -> None:
        for record, error in poison:
            key, value, headers = dead_letter(record, "store", error)
            self._publisher.publish(self._dead_letters, key, value, headers=headers, partition=record.partition)
            log.error("dead letter", position=record.position, error=str(error), topic=self._dead_letters)
        self._publisher.flush()
        metrics.dead_letters.labels(self._selected, "store").inc(len(poison))

"""Announcing images so that the newest list of an image's frames is the last one in the compacted topic.

A member that was stopped between its rows and its event may publish an older list after another member's newer one.
Therefore each announcement is looked over once the broker has it: where frames were added meanwhile, the newest list is
published again. A row in `image_announcements` stands from the upsert until then, so that what a killed member leaves
in between is announced by another. What remains: a member stopped for longer than `ABANDONED_AFTER`, that then
publishes an old list and is killed within the same milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from store.adapters import rows
from store.adapters.rows import ImageNow, StoredFrame
from store.domain.announcement import corrected_id, is_newest
from winnow.clock import now
from winnow.codec import Codec
from winnow.db import Database
from winnow.events import StoredImage
from winnow.kafka.headers import Headers, cloud_event
from winnow.kafka.producer import Publisher

log = structlog.get_logger()

KIND = "image"
SERVICE = "store"
ABANDONED_AFTER = timedelta(minutes=10)
SWEEP_EVERY_S = 60.0


class Announcer:
    """Publishes image events. For use from one thread."""

    def __init__(self, publisher: Publisher, codec: Codec, database: Database, *, topic: str) -> None:
        self.identity = uuid4()
        self._publisher = publisher
        self._codec = codec
        self._database = database
        self._topic = topic
        self._swept_at = -SWEEP_EVERY_S

    def announce(self, frames: list[StoredFrame], images: dict[str, ImageNow]) -> None:
        """One event for each frame; returns when the newest lists are on the broker. Raises `DependencyDown`."""
        for stored in frames:
            image = images[stored.image.image_id].event
            headers = cloud_event(KIND, SERVICE, stored.frame.source, image.stored_at, stored.record)
            self._publish(image, headers)
        self._publisher.flush()
        self._correct(images, self.identity)

    def sweep(self) -> None:
        """Announces again what others began and never ended; at most once in `SWEEP_EVERY_S`."""
        if time.monotonic() - self._swept_at < SWEEP_EVERY_S:
            return
        left = self._database.run(lambda connection: rows.abandoned(connection, now(), ABANDONED_AFTER))
        for announcer in {announcer for _, announcer in left}:
            image_ids = [image_id for image_id, other in left if other == announcer]
            images = self._read(image_ids)
            log.warning("announcing again what a killed member may have left old", images=len(images))
            for image in images.values():
                self._publish_again(image)
            self._publisher.flush()
            self._correct(images, announcer)
        self._swept_at = time.monotonic()

    def _correct(self, announced: dict[str, ImageNow], announcer: UUID) -> None:
        while announced:
            current = self._read(announced)
            newer = {k: image for k, image in current.items() if not is_newest(announced[k].frames, image.frames)}
            settled = announced.keys() - newer.keys()
            self._database.run(lambda c, done=settled: rows.end_announcements(c, done, announcer))  # type: ignore[misc]
            for image in newer.values():
                self._publish_again(image)
            if newer:
                self._publisher.flush()
            announced = newer

    def _read(self, image_ids: Iterable[str]) -> dict[str, ImageNow]:
        return self._database.run(lambda connection: rows.images(connection, image_ids))

    def _publish_again(self, image: ImageNow) -> None:
        headers = cloud_event(KIND, SERVICE, image.event.frames[-1].source, image.event.stored_at)
        named = [(n, corrected_id(str(v), image.frames) if n == "ce_id" else v) for n, v in headers]
        self._publish(image.event, named)

    def _publish(self, image: StoredImage, headers: Headers) -> None:
        value = self._codec.encode(self._topic, image)
        self._publisher.publish(self._topic, image.image_id, value, headers=headers)

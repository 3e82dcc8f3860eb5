"""Images that lie in object storage: read only from where they may lie, and only as what they are said to be."""

from __future__ import annotations

import hashlib

from winnow.errors import PoisonRecord
from winnow.events import ImageRef
from winnow.objects import Objects
from winnow.settings import ObjectSettings

PREFIX = "staging/"
"""Where referenced images lie; ingest alone writes there."""


class References:
    """Fetches referenced images from listed buckets. Thread-safe."""

    def __init__(self, objects: Objects, settings: ObjectSettings) -> None:
        self._objects = objects
        self._buckets = frozenset(settings.reference_buckets or [objects.bucket])
        self._max_bytes = settings.reference_max_bytes

    def fetch(self, reference: ImageRef) -> bytes:
        """The bytes. Raises `PoisonRecord` where they may not be read, are gone or are others, `DependencyDown`."""
        where = f"{reference.bucket}/{reference.key}"
        if reference.bucket not in self._buckets or not reference.key.startswith(PREFIX) or ".." in reference.key:
            raise PoisonRecord(f"{where}: references may only name {PREFIX} in {', '.join(sorted(self._buckets))}")
        if not 0 < reference.size_bytes <= self._max_bytes:
            raise PoisonRecord(f"{where}: {reference.size_bytes} bytes; the limit is {self._max_bytes}")
        data = self._objects.get(reference.key, bucket=reference.bucket, max_bytes=reference.size_bytes + 1)
        if data is None:
            raise PoisonRecord(f"{where}: no such object")
        if hashlib.sha256(data).hexdigest() != reference.sha256:
            raise PoisonRecord(f"{where}: its SHA-256 is not the one that the frame names")
        return data

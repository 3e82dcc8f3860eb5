"""Images too large for a record: in the staging area, and by reference."""

from __future__ import annotations

import hashlib

from ingest.domain.staging import day_of
from winnow.clock import now
from winnow.events import ImageRef
from winnow.objects import Objects
from winnow.references import PREFIX


class Staging:
    """The only writer of `staging/`. Thread-safe."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def place(self, image: bytes, content_type: str) -> ImageRef:
        """Writes the image and tells where it lies. Raises `DependencyDown`.

        The day is part of the key, so that an image which is placed again later is never the object that the sweeper
        is about to delete.
        """
        digest = hashlib.sha256(image).hexdigest()
        key = f"{PREFIX}{day_of(now())}/{digest}"
        self._objects.put(key, image, content_type)
        return ImageRef(self._objects.bucket, key, len(image), digest)

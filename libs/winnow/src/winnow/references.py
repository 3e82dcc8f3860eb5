"""Images that lie in object storage: read only from where they may lie, and only as what they are said to be."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

from winnow.errors import PoisonRecord
from winnow.events import ImageRef
from winnow.settings import ObjectSettings

if TYPE_CHECKING:
    from winnow.objects import Objects

PREFIX = "staging/"
"""Where referenced images lie; ingest alone writes there."""

MAX_KEY_BYTES = 1024
"""Of an object in S3; the storage would refuse a longer one for ever."""

REFUSED, MISSING, OTHER_BYTES = "refused_reference", "missing_reference", "wrong_reference"


class BadReference(PoisonRecord):
    """A reference that leads to no image; `reason` is of the vocabulary in `docs/verdicts.md`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class References:
    """Fetches referenced images from listed buckets. Thread-safe."""

    def __init__(self, settings: ObjectSettings) -> None:
        self._settings = settings
        self._buckets = frozenset(settings.reference_buckets or [settings.s3_bucket])
        self._max_bytes = settings.reference_max_bytes

    @cached_property
    def _objects(self) -> Objects:
        # With the first reference: its client takes a tenth of a start, which a camera with small pictures never needs.
        from winnow.objects import Objects

        return Objects(self._settings)

    def fetch(self, reference: ImageRef) -> bytes:
        """The bytes. Raises `BadReference` where they may not be read, are gone or are others, and `DependencyDown`."""
        where = f"{reference.bucket[:100]}/{reference.key[:300]}"
        if reference.bucket not in self._buckets or not _may_lie_at(reference.key):
            allowed = ", ".join(sorted(self._buckets))
            raise BadReference(REFUSED, f"{where}: references may only name {PREFIX} in {allowed}")
        if not 0 < reference.size_bytes <= self._max_bytes:
            raise BadReference(
                REFUSED, f"{where}: {reference.size_bytes} bytes; a reference has 1 to {self._max_bytes}"
            )
        data = self._objects.get(reference.key, bucket=reference.bucket, max_bytes=reference.size_bytes + 1)
        if data is None:
            raise BadReference(MISSING, f"{where}: no such object")
        if len(data) != reference.size_bytes or hashlib.sha256(data).hexdigest() != reference.sha256:
            raise BadReference(OTHER_BYTES, f"{where}: not the bytes that the frame names (by size and SHA-256)")
        return data


def _may_lie_at(key: str) -> bool:
    steps = key.removeprefix(PREFIX).split("/")
    fits = key.isprintable() and len(key.encode()) <= MAX_KEY_BYTES
    return key.startswith(PREFIX) and fits and not {"", ".", ".."} & set(steps)

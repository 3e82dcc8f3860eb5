"""Pictures under a prefix of a bucket."""

from __future__ import annotations

from datetime import datetime

from ingest.adapters.exif import taken_at
from ingest.adapters.journal import Entry
from ingest.domain.picture import LARGEST_BYTES, refusal
from ingest.domain.source import S3
from ingest.settings import IngestSettings
from winnow.clock import from_ms, to_ms
from winnow.errors import Refused
from winnow.objects import Objects

OWN_PREFIXES = ("images/", "staging/", "ledger/")
"""What Winnow itself writes: taken in again, it would never end."""


class Prefix:
    """The objects below `s3://BUCKET/PREFIX` of the storage that the settings name."""

    def __init__(self, address: str, settings: IngestSettings) -> None:
        """Raises `Refused` where the address is none, or covers what Winnow itself writes."""
        self.every_s = 5.0
        self._bucket, _, self._prefix = address.removeprefix(S3).partition("/")
        if not self._bucket:
            raise Refused(f"{address}: an address is s3://BUCKET/PREFIX")
        if self._bucket in (settings.s3_bucket, *settings.reference_buckets):
            for own in OWN_PREFIXES:
                if own.startswith(self._prefix) or self._prefix.startswith(own):
                    raise Refused(f"{address} holds {own}, which Winnow itself writes: name a prefix beside it")
        self._objects = Objects(settings)

    def entries(self) -> list[Entry]:
        """All objects. Raises `DependencyDown`, and `Refused` where there is no such bucket."""
        listed = self._objects.listing(self._prefix, bucket=self._bucket)
        if listed is None:
            raise Refused(f"there is no bucket {self._bucket}")
        return [Entry(one.key, one.etag, to_ms(one.modified_at)) for one in listed]

    def settled(self, entry: Entry) -> bool:  # noqa: ARG002
        """An object is there whole or not at all."""
        return True

    def read(self, entry: Entry) -> bytes | tuple[str, str] | None:
        """Its bytes; a reason and a sentence why it is not taken; None where it is gone. Raises `DependencyDown`."""
        image = self._objects.get(entry.name, bucket=self._bucket, max_bytes=LARGEST_BYTES + 1)
        if image is None:
            return None
        return refusal(image, len(image)) or image

    def taken_at(self, entry: Entry, image: bytes) -> datetime:
        """The picture's own time, else the object's."""
        return taken_at(image) or from_ms(entry.modified_ms)

"""One record of the frames topic as a check sees it: everything there is to know, and no client library."""

from __future__ import annotations

from dataclasses import dataclass

from selector.domain.image_header import ImageHeader, Unreadable
from winnow.events import Frame

NO_KEY = "(no key)"


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A record and what it holds. `frame` is None where it cannot be read, and `refused` says why.

    `broker_s` is in seconds since 1970; `append_time`: the broker set it. `schema_id` is None where the value is not in
    the Confluent wire format; `of_subject`: the schema is of the topic's own subject. `header` is None without an image
    in the record.
    """

    partition: int
    offset: int
    broker_s: float
    key: bytes | None
    size_bytes: int
    append_time: bool = True
    schema_id: int | None = None
    of_subject: bool = True
    refused: str = ""
    frame: Frame | None = None
    header: ImageHeader | Unreadable | None = None
    image_bytes: int = 0
    content_hash: int = 0

    @property
    def position(self) -> str:
        return f"{self.partition}:{self.offset}"

    @property
    def is_of_its_key(self) -> bool:
        """Whether there is a frame, and the key is its camera: only then is it judged."""
        return self.frame is not None and self.key == self.frame.camera_id.encode()

    @property
    def camera(self) -> str:
        """Whom it is told of: the key, else the camera that the value names."""
        if self.key:
            return self.key.decode(errors="replace")
        return self.frame.camera_id if self.frame is not None else NO_KEY

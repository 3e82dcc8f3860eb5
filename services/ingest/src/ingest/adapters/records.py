"""A frame as the record that goes to the broker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingest.adapters.cameras import Cameras
from ingest.adapters.staging import Staging
from ingest.domain.picture import INLINE_LIMIT_BYTES
from winnow.codec import Codec
from winnow.events import Frame


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """What a producer is given; `partition` is -1 where the key's hash decides."""

    topic: str
    key: str
    value: bytes
    partition: int


class FrameRecords:
    """Encodes frames; a large image goes to the staging area first. Thread-safe."""

    def __init__(self, topic: str, codec: Codec, staging: Staging, cameras: Cameras) -> None:
        self._topic = topic
        self._codec = codec
        self._staging = staging
        self._cameras = cameras

    def of(self, frame: Frame) -> FrameRecord:
        """The record. May be asked for again: the same frame is the same record.

        Raises `DependencyDown` where the registry, the object storage or the table of cameras is not there yet, and
        `Refused` where the schema is not registered.
        """
        partition = self._cameras.partition(frame.camera_id)
        if isinstance(frame.image, bytes) and len(frame.image) > INLINE_LIMIT_BYTES:
            frame = replace(frame, image=self._staging.place(frame.image, frame.content_type))
        value = self._codec.encode(self._topic, frame)
        return FrameRecord(self._topic, frame.camera_id, value, partition)

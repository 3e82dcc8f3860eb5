"""What ingest needs to know of cameras: an explicit partition, where one was given."""

from __future__ import annotations

import structlog

from winnow.codec import Codec
from winnow.errors import DependencyDown, PoisonRecord
from winnow.events import Camera
from winnow.kafka.record import Record
from winnow.kafka.table import TableReader
from winnow.settings import KafkaSettings

log = structlog.get_logger()

BY_KEY = -1
FIRST_READ_S = 2.0


class Cameras:
    """Follows the cameras topic from its own thread until `close`."""

    def __init__(self, settings: KafkaSettings, codec: Codec, *, client_id: str) -> None:
        self._codec = codec
        self._partitions: dict[str, int] = {}
        self._table = TableReader(settings, [settings.names.cameras], self._apply, client_id=f"{client_id}-cameras")

    def partition(self, camera_id: str) -> int:
        """The camera's own partition, else `BY_KEY`. Raises `DependencyDown` while the table was never read."""
        self._table.check()
        if not self._table.loaded.is_set() and not self._table.loaded.wait(FIRST_READ_S):
            raise DependencyDown("broker: the cameras are not read yet")
        return self._partitions.get(camera_id, BY_KEY)

    def close(self) -> None:
        self._table.close()

    def _apply(self, record: Record) -> None:
        camera_id = (record.key or b"").decode(errors="replace")
        try:
            camera = self._codec.decode(Camera, record.value) if record.value is not None else None
        except PoisonRecord as error:
            log.error("ignored; what was known of the camera stays", record=record.position, reason=str(error))
            return
        if camera is None or camera.partition is None:
            self._partitions.pop(camera_id, None)
        else:
            self._partitions[camera_id] = camera.partition

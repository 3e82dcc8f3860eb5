"""Which offsets of the frames topic hold a frame, as a read_committed reader is given them."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka.admin import AdminClient

from ledger.domain.gaps import Gap, classify
from ledger.domain.ranges import Range
from winnow.kafka import config
from winnow.kafka.restore import log_start, read_to_end
from winnow.settings import KafkaSettings


class FramesTopic:
    """Reads ranges of the frames topic to tell what verdict-less offsets are."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._topic = settings.names.frames
        self._admin = AdminClient(config.admin(settings))

    def classify(self, partition: int, holes: Sequence[Range], expired: Sequence[Range]) -> list[Gap]:
        """What the offsets of `holes` are. Raises `DependencyDown`."""
        if not holes:
            return []
        delivered: set[int] = set()
        start = log_start(self._admin, self._topic, partition)
        for hole in holes:
            if hole.last >= start:
                delivered |= self._delivered(partition, max(start, hole.first), hole.last)
        # Retention may have moved on while the records were read.
        start = log_start(self._admin, self._topic, partition)
        return classify(partition, holes, delivered=delivered, log_start=start, expired=expired)

    def _delivered(self, partition: int, first: int, last: int) -> set[int]:
        found: set[int] = set()
        records = read_to_end(self._settings, self._topic, partition, client_id=self._client_id, start=first)
        for record in records:
            if record.offset > last:
                break
            found.add(record.offset)
        records.close()  # type: ignore[attr-defined]
        return found

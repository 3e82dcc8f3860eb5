"""Policies and cameras from their topics, followed while the service runs."""

from __future__ import annotations

import structlog

from selector.domain.policy import PolicyBook, PolicyInForce
from winnow import metrics
from winnow.codec import Codec
from winnow.contract import Names
from winnow.errors import PoisonRecord, Refused
from winnow.events import Camera, SelectionPolicy
from winnow.kafka.record import Record
from winnow.kafka.table import TableReader
from winnow.settings import KafkaSettings

log = structlog.get_logger()


class Policies:
    """What is in force for each camera. An invalid record is ignored with an alert; the one before stays in force."""

    def __init__(self, settings: KafkaSettings, codec: Codec, *, client_id: str) -> None:
        self._names = settings.names
        self._codec = codec
        self._book = PolicyBook()
        topics = [self._names.policies, self._names.cameras]
        self._table = TableReader(settings, topics, self._apply, client_id=f"{client_id}-policies")

    def waits_for(self) -> str:
        """Empty once all policies and cameras are read and there is a default. Raises what ended the reading."""
        self._table.check()
        if not self._table.loaded.is_set():
            return "reading policies and cameras"
        if not self._book.has_default:
            return f"no default policy in {self._names.policies}; `winnow topics apply` writes the first"
        return ""

    def in_force(self, camera_id: str) -> PolicyInForce:
        self._table.check()
        return self._book.in_force(camera_id)

    def close(self) -> None:
        self._table.close()

    def _apply(self, record: Record) -> None:
        try:
            take(self._book, self._names, self._codec, record)
        except (PoisonRecord, Refused) as error:
            metrics.policy_errors.inc()
            log.error("ignored; what was in force stays in force", record=record.position, reason=str(error))


def take(book: PolicyBook, names: Names, codec: Codec, record: Record) -> None:
    """Brings the book up to a record of the policies or cameras topic; a record without a value removes.

    Raises `PoisonRecord` and `Refused` for what is not one, with the book as it was; `DependencyDown`.
    """
    key = (record.key or b"").decode(errors="replace")
    if record.topic == names.policies:
        if record.value is None:
            book.remove_policy(key, record.offset)
        else:
            book.set_policy(key, record.offset, codec.decode(SelectionPolicy, record.value))
    elif record.value is None:
        book.remove_camera(key)
    else:
        camera = codec.decode(Camera, record.value)
        if camera.camera_id != key:
            raise Refused(f"the record's key {key!r} is not its camera id {camera.camera_id!r}")
        book.set_camera(record.offset, camera)

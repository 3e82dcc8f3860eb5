"""What was in force for a camera at any verdict: both topics are kept for ever."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from selector.domain.policy import PolicyBook, PolicyInForce
from winnow.codec import Codec
from winnow.errors import PoisonRecord, Refused
from winnow.events import Camera, SelectionPolicy, Verdict
from winnow.kafka.record import Record


@dataclass(frozen=True, slots=True)
class Records:
    """Policies as (offset, key, policy), None where it was removed; cameras by offset."""

    policies: tuple[tuple[int, str, SelectionPolicy | None], ...]
    cameras: dict[int, Camera]

    @staticmethod
    def of(policies: Iterable[Record], cameras: Iterable[Record], codec: Codec) -> Records:
        """What the records of both topics say; those that are not understood were ignored live, too."""
        return Records(
            policies=tuple(
                (record.offset, (record.key or b"").decode(errors="replace"), policy)
                for record, policy in _decoded(policies, SelectionPolicy, codec)
            ),
            cameras={r.offset: camera for r, camera in _decoded(cameras, Camera, codec) if camera is not None},
        )


def _decoded(records: Iterable[Record], kind: type, codec: Codec):  # type: ignore[no-untyped-def]
    for record in records:
        try:
            yield record, None if record.value is None else codec.decode(kind, record.value)
        except PoisonRecord:
            continue


class History:
    """Finds what was in force, by the versions that a verdict names."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._books: dict[int, PolicyBook] = {}
        self._found: dict[tuple[str, int, int], PolicyInForce] = {}

    def in_force(self, verdict: Verdict) -> PolicyInForce:
        """What the verdict was decided by. Raises `Refused` where the topics do not have it."""
        # Verdicts of before it was written name only their own policy.
        newest = verdict.policies_version if verdict.policies_version >= 0 else verdict.policy_version
        camera_id = verdict.camera_id or ""
        key = (camera_id, newest, verdict.camera_version)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._resolve(camera_id, newest, verdict.camera_version)
        return found

    def _resolve(self, camera_id: str, newest: int, camera_version: int) -> PolicyInForce:
        book = self._books.get(newest)
        if book is None:
            book = self._books[newest] = self._book(newest)
        if camera_version < 0:
            book.remove_camera(camera_id)
        elif (camera := self._records.cameras.get(camera_version)) is not None:
            book.set_camera(camera_version, camera)
        else:
            raise Refused(f"the cameras topic does not have version {camera_version} of camera {camera_id}")
        return book.in_force(camera_id)

    def _book(self, newest: int) -> PolicyBook:
        book = PolicyBook()
        for offset, key, policy in self._records.policies:
            if offset > newest:
                break
            try:
                if policy is None:
                    book.remove_policy(key, offset)
                else:
                    book.set_policy(key, offset, policy)
            except Refused:
                continue  # it was ignored live, too
        if not book.has_default:
            raise Refused(f"the policies topic has no default policy up to its offset {newest}")
        return book

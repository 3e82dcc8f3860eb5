"""The topics of cameras and policies: read as the selector reads them, and written with who did it."""

from __future__ import annotations

import getpass
import socket
import sys

from selector.adapters.policies import take
from selector.domain.policy import PolicyBook
from winnow.codec import Codec
from winnow.errors import DependencyDown, PoisonRecord, Refused
from winnow.events import Camera, SelectionPolicy
from winnow.kafka.producer import Publisher
from winnow.kafka.record import Record
from winnow.kafka.restore import read_to_end
from winnow.settings import KafkaSettings

CLIENT_ID = "winnow-selection"
CHANGED_BY = "winnow-changed-by"
"""Header of a record: user and machine of whoever wrote it."""


class SelectionTopics:
    """What is configured now, and the way to change it. Every call raises `DependencyDown`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self.names = settings.names
        self.codec = Codec(settings.registry_url)

    def records(self, topic: str) -> list[Record]:
        return list(read_to_end(self._settings, topic, 0, client_id=CLIENT_ID))

    def book(self) -> PolicyBook:
        """Policies and cameras as the selector has them; what it ignores is named on stderr."""
        return self._book(self.names.policies, self.names.cameras)

    def cameras(self) -> dict[str, tuple[int, Camera]]:
        """Configured cameras by id, each with its version."""
        return self._book(self.names.cameras).cameras

    def _book(self, *topics: str) -> PolicyBook:
        book = PolicyBook()
        for topic in topics:
            for record in self.records(topic):
                try:
                    take(book, self.names, self.codec, record)
                except (PoisonRecord, Refused) as error:
                    print(f"winnow: {record.position} is ignored: {error}", file=sys.stderr)
        return book

    def write(self, topic: str, key: str, event: Camera | SelectionPolicy | None) -> int:
        """Writes a record, without a value for None, and returns its offset: the version."""
        value = self.codec.encode(topic, event) if event is not None else None
        publisher = Publisher(self._settings, client_id=CLIENT_ID)
        publisher.publish(topic, key, value, headers=[(CHANGED_BY, _who())])
        try:
            publisher.flush()
        except DependencyDown as error:
            raise DependencyDown(f"{error}. It may be written all the same: look before you try again") from error
        written = [r.offset for r in self.records(topic) if (r.key, r.value) == (key.encode(), value)]
        return written[-1]


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"

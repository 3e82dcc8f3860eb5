"""Uploads as one of the ways in: API, outbox and spool together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ingest.adapters.outbox import Outbox
from ingest.adapters.records import FrameRecords
from ingest.adapters.spool import Spool
from ingest.adapters.uploads.api import Limits, build_api
from ingest.adapters.uploads.keys import Keys
from ingest.adapters.uploads.server import UploadServer
from ingest.adapters.uploads.taking import Intake
from ingest.settings import Settings
from winnow.errors import WinnowError


class UploadDoor:
    """Takes uploads until it is closed. Raises `Refused` where port or spool cannot be had."""

    def __init__(self, settings: Settings, records: FrameRecords) -> None:
        folder, keys_file = settings.ingest_spool_dir or Path(), settings.ingest_upload_keys_file or Path()
        port = settings.ingest_upload_port or 0
        limits = Limits(settings.ingest_upload_read_timeout_s, settings.ingest_upload_timeout_s)
        # Closed in turn: no new request, then what was taken, then what waits for the disk.
        with ExitStack() as ends:
            spool = Spool(folder, settings.ingest_spool_max_bytes)
            ends.callback(spool.close)
            self._outbox = Outbox(settings, records, spool)
            ends.callback(self._outbox.close)
            intake = Intake(self._outbox, folder)
            ends.callback(intake.close)
            api = build_api(intake, Keys(keys_file), limits)
            self._server = UploadServer(api, settings.ingest_upload_host, port, limits.read_timeout_s)
            ends.callback(self._server.close)
            self._ends = ends.pop_all()

    def check(self) -> None:
        """Raises `WinnowError` where it takes nothing any more."""
        self._outbox.check()
        if not self._server.alive():
            raise WinnowError("the upload server ended by itself; its log says why")

    def close(self) -> None:
        """Answers what is under way; what the broker does not have is in the spool then."""
        self._ends.close()

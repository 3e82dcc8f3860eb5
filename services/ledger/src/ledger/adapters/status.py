"""Camera status as the ledger has it, for those who show it."""

from __future__ import annotations

from contextlib import closing

from ledger.adapters import rows
from ledger.adapters.books import asked
from ledger.domain.status import CameraStatus
from winnow.db import Database
from winnow.settings import DatabaseSettings


def cameras(settings: DatabaseSettings) -> list[CameraStatus]:
    """Every camera that ever had a verdict, by id, and `NOBODY` for what belongs to none.

    Raises `DependencyDown`, and `Refused` where there are no tables.
    """
    with closing(Database(settings, max_size=1)) as database:
        return asked(database, rows.cameras)

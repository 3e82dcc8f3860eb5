"""A folder that is followed: by scanning, which works on every file system, and never moving or deleting a file."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import structlog

from ingest.adapters.exif import taken_at
from ingest.adapters.folder import whole
from ingest.adapters.journal import Entry
from ingest.domain.picture import complete
from winnow.clock import from_ms
from winnow.errors import DependencyDown

log = structlog.get_logger()

SETTLED_S = 2.0
"""A file is taken when its size and time have not changed for so long, and it has its picture's end."""

PATIENCE_S = 60.0
"""A file without an end is taken as it is when nothing was added for so long: an upload that broke off."""

LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""

NO_FILE = "no file"


class WatchedFolder:
    """The files of a folder and its folders, but those whose names begin with a dot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.every_s = 1.0
        self._told: set[str] = set()
        self._before: dict[str, tuple[str, float]] = {}
        self._since: dict[str, tuple[str, float]] = {}

    def entries(self) -> list[Entry]:
        """All files as they are now. Raises `DependencyDown` where the folder is away."""
        self._before, self._since = self._since, {}
        return list(self._files(str(self.folder)))

    def settled(self, entry: Entry) -> bool:
        """Whether nobody writes to it any more; to be asked for every new entry of each listing."""
        now_s = time.monotonic()
        version, since_s = self._before.get(entry.name, ("", now_s))
        self._since[entry.name] = (entry.version, since_s if version == entry.version else now_s)
        return self._age_s(entry) >= SETTLED_S

    def read(self, entry: Entry) -> bytes | tuple[str, str] | None:
        """Its bytes; a reason and a sentence why it is not taken; None where it is gone, or not whole yet."""
        path = Path(entry.name)
        if entry.version == NO_FILE:
            return "not_a_file", "not a file (a device, or a link to a folder or to nothing)"
        image, refused = whole(path)
        if not path.exists() or _entry(entry.name, path.stat()).version != entry.version:
            return None
        if not complete(image) and (refused is None or not image) and self._age_s(entry) < PATIENCE_S:
            return None
        return refused or image

    def taken_at(self, entry: Entry, image: bytes) -> datetime:
        """The picture's own time, else when the file was written."""
        return taken_at(image) or from_ms(entry.modified_ms)

    def _age_s(self, entry: Entry) -> float:
        return time.monotonic() - self._since[entry.name][1]

    def _files(self, root: str) -> Iterator[Entry]:
        folders = [root]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as found:
                    for one in found:
                        if one.name.startswith("."):
                            continue
                        if one.is_dir(follow_symlinks=False):
                            folders.append(one.path)
                        elif (entry := _entry_of(one)) is not None:
                            yield entry
            except OSError as error:
                why = error.strerror or str(error)
                if folder == root:
                    raise DependencyDown(f"folder: {root}: {why}") from error
                if folder not in self._told and not isinstance(error, FileNotFoundError):
                    self._told.add(folder)
                    log.warning("a folder cannot be read; the others are followed", folder=folder, reason=why)


def _entry_of(one: os.DirEntry[str]) -> Entry | None:
    """None where it is gone by now."""
    try:
        return _entry(one.path, one.stat())
    except FileNotFoundError:
        return Entry(one.path, NO_FILE, 0) if one.is_symlink() else None


def _entry(name: str, status: os.stat_result) -> Entry:
    if not stat.S_ISREG(status.st_mode):
        return Entry(name, NO_FILE, 0)
    modified_ms = max(0, min(LAST_MS, status.st_mtime_ns // 1_000_000))
    return Entry(name, f"{status.st_size}-{status.st_mtime_ns}", modified_ms)

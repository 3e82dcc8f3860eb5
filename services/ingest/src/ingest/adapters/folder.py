"""Pictures in a folder, in natural order, with what the file system and EXIF know of their time."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.adapters.exif import taken_at
from ingest.domain.picture import LARGEST_BYTES, is_video, refusal, without_exif
from winnow.clock import EPOCH

BEGINNING_BYTES = 4096
"""Mostly the whole header of a JPEG."""


@dataclass(frozen=True)
class Look:
    """A file before it is read: why it is not taken (a reason and a sentence), else its times."""

    path: Path
    refused: tuple[str, str] | None
    modified_at: datetime = EPOCH
    taken_at: datetime | None = None


def files_in(path: Path) -> list[Path]:
    """All that lies below `path` (or `path` itself) and is no folder, so that `image2` comes before `image10`."""
    if not path.is_dir():
        return [path]
    return sorted((file for file in path.rglob("*") if file.is_symlink() or not file.is_dir()), key=natural)


def look(path: Path) -> Look:
    """What can be known of a file without reading all of it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Look(path, ("not_a_file", "not a file (a device, or a link to a folder)"))
        first = beginning(path)
        refused = refusal(first, status.st_size)
        if is_video(first):
            refused = ("video", "a video; of a folder only pictures are taken: give the video by its own path")
    except OSError as error:
        return Look(path, _unreadable(error))
    if refused is not None:
        return Look(path, refused)
    taken = None if without_exif(first) else taken_at(path)
    return Look(path, None, datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC), taken)


def whole(path: Path) -> tuple[bytes, tuple[str, str] | None]:
    """A picture's bytes, or why they are not taken. Of a file that is too large no more is read than shows it."""
    try:
        with path.open("rb") as file:
            # One byte more than there are, or than are taken: to be given the most at once costs more than the reading.
            image = file.read(min(os.fstat(file.fileno()).st_size, LARGEST_BYTES) + 1)
    except OSError as error:
        return b"", _unreadable(error)
    return image, refusal(image, len(image))


def beginning(path: Path) -> bytes:
    """The first bytes, enough to tell a picture."""
    with path.open("rb") as file:
        return file.read(BEGINNING_BYTES)


def _unreadable(error: OSError) -> tuple[str, str]:
    return "unreadable_file", f"the file cannot be read: {error.strerror or error}"


def natural(path: Path | str) -> list[tuple[int, int, str]]:
    """Sorts `image2` before `image10`."""
    parts = re.findall(r"\d+|\D+", str(path))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

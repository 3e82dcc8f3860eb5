"""The members of a zip, none of which is trusted to be what its header says."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from ingest.domain.picture import LARGEST_BYTES
from ingest.domain.upload import (
    LARGEST_REQUEST_BYTES,
    MOST_FILES,
    MOST_INFLATED,
    FileRefused,
    climbs,
    is_of_the_system,
)

END = struct.Struct("<4s4H2LH")
END_SIGNATURE, ZIP64_SIGNATURE = b"PK\x05\x06", b"PK\x06\x07"
COMMENT_BYTES = 65_535
LOCATOR_BYTES = 20
ENTRY_BYTES = 1024
"""Of the directory for each member at most: 46, its name, and what zippers add."""

CHUNK_BYTES = 1024 * 1024
FREE_BYTES = 64 * 1024
"""A member up to here may be packed as well as it likes."""


def members(file: IO[bytes]) -> Iterator[tuple[str, bytes | FileRefused]]:
    """The name and bytes of each file in the archive, or why it is refused; folders are left out.

    Raises `FileRefused` where the archive as a whole cannot be read.
    """
    _check_directory(file)
    budget = _Budget()
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not is_of_the_system(info.filename):
                    yield _shown(info.orig_filename), _refused(info) or _inflated(archive, info, budget)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise FileRefused("damaged", f"not a zip that can be read: {error}") from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuses a directory that would fill the memory before its first entry can be looked at."""
    size_bytes = file.seek(0, 2)
    file.seek(max(0, size_bytes - COMMENT_BYTES - END.size - LOCATOR_BYTES))
    tail = file.read()
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or len(tail) - at < END.size:
        raise FileRefused("damaged", "not a zip, or one that was cut off")
    if ZIP64_SIGNATURE in tail:
        raise FileRefused("zip64", "a zip in the 64-bit form, which so few files do not need")
    _, _, _, _, entries, directory_bytes, _, _ = END.unpack_from(tail, at)
    if entries > 2 * MOST_FILES or directory_bytes > 2 * MOST_FILES * ENTRY_BYTES:
        raise FileRefused("too_many_files", f"a directory of {entries:,} entries; at most {MOST_FILES:,} are taken")


class _Budget:
    """What all members together may become, counted as they do, the refused ones too."""

    def __init__(self) -> None:
        self._left = LARGEST_REQUEST_BYTES

    def spend(self, size_bytes: int) -> None:
        self._left -= size_bytes
        if self._left < 0:
            raise FileRefused("too_large", f"more than {LARGEST_REQUEST_BYTES:,} bytes when inflated")


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> bytes | FileRefused:
    found = bytearray()
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK_BYTES):
                found += chunk
                budget.spend(len(chunk))
                if len(found) > LARGEST_BYTES:
                    return FileRefused("too_large", f"more than {LARGEST_BYTES:,} bytes when inflated")
                if len(found) > max(FREE_BYTES, MOST_INFLATED * info.compress_size):
                    return FileRefused("bomb", f"inflates to more than {MOST_INFLATED} times its size")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
        return FileRefused("damaged", f"cannot be inflated: {error}")
    return bytes(found)


def _refused(info: zipfile.ZipInfo) -> FileRefused | None:
    if climbs(info.orig_filename):
        return FileRefused("climbing_path", "its name leads out of the archive")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return FileRefused("not_a_file", "a link, or something else that is no file")
    if info.flag_bits & 1:
        return FileRefused("encrypted", "encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return FileRefused("compression", "packed otherwise than by deflate")
    return None


def _shown(name: str) -> str:
    """As an answer can carry it."""
    return name.encode(errors="replace").decode()[:255]

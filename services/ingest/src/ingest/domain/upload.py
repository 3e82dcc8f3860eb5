"""What may be uploaded: limits, reasons, and names of a zip's members."""

from __future__ import annotations

import re
from collections.abc import Collection

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
MULTIPART, ZIP = "multipart/form-data", "application/zip"

LARGEST_REQUEST_BYTES = 256 * 1024 * 1024
"""Of a request with many files: as it comes, and again when inflated."""

MOST_FILES = 1000

MOST_INFLATED = 20
"""A member may become this many times as large: a picture hardly packs, a bomb does so 1000-fold."""

_STATUS = {"too_large": 413, "too_many_files": 413, "not_an_image": 415, "nested_archive": 415}

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)

_OF_THE_SYSTEM = re.compile(r"(^|/)(__MACOSX/.*|\.DS_Store|Thumbs\.db)$")


class FileRefused(Exception):
    """A file is not taken: `reason` is one word for programs, the message a sentence."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def status_of(reasons: Collection[str]) -> int:
    """The HTTP status for a request whose files were refused for these reasons."""
    statuses = {_STATUS.get(reason, 422) for reason in reasons}
    return statuses.pop() if len(statuses) == 1 else 422


def is_archive(file: bytes) -> bool:
    """Whether a file is a zip, gzip, bzip2, xz, 7z, rar, zstd or tar archive by its first bytes."""
    return file.startswith(_ARCHIVES) or file[257:262] == b"ustar"


def is_of_the_system(name: str) -> bool:
    """What macOS and Windows put into an archive beside the files that were chosen."""
    return _OF_THE_SYSTEM.search(name) is not None


def climbs(name: str) -> bool:
    """Whether a member's name leaves the folder that it would be unpacked into, on any system."""
    return (
        not name
        or name.startswith("/")
        or "\\" in name
        or "\0" in name
        or re.match(r"[A-Za-z]:", name) is not None
        or ".." in name.split("/")
    )

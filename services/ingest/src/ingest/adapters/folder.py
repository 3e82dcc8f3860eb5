"""Pictures in a folder, in natural order, with what the file system and EXIF know of their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from ingest.domain.capture_time import exif_time


def files_in(path: Path) -> list[Path]:
    """Every file below `path` (or `path` itself), so that `image2` comes before `image10`."""
    if path.is_file():
        return [path]
    return sorted((file for file in path.rglob("*") if file.is_file()), key=_natural)


def modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime_ns / 1e9, UTC)


def taken_at(path: Path) -> datetime | None:
    """The EXIF time of a JPEG or PNG; None where it has none or is no picture."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    base = ExifTags.Base
    tags = (base.DateTimeOriginal, base.SubsecTimeOriginal, base.OffsetTimeOriginal)
    original, subsec, offset = (str(exif[tag]) if tag in exif else None for tag in tags)
    return exif_time(original, subsec, offset)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", str(path))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

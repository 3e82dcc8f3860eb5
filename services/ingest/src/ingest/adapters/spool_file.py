"""One file of the spool: frames as an Avro container with its own schema, which any Avro tool reads.

Neither registry nor broker is needed to write one. It gets its name, which holds its number and checksum, only when its
bytes are on the disk: a kill leaves whole files, and `.partial` ones whose frames were never acknowledged.
"""

from __future__ import annotations

import io
import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from winnow import contract
from winnow.errors import WinnowError
from winnow.events import Frame

NAME, PARTIAL = ".avro", ".partial"


class Damaged(WinnowError):
    """A file of the spool is not what was written."""


@dataclass(frozen=True)
class SpoolFile:
    """What is known of a file without reading its images; `cameras` counts its frames."""

    path: Path
    size_bytes: int
    cameras: Counter[str]
    written_at_s: float

    @property
    def number(self) -> int:
        return int(self.path.stem.split("-")[0])


def write(folder: Path, number: int, frames: Sequence[Frame]) -> SpoolFile:
    """A whole file, on the disk under its name. Raises `OSError`, and has left nothing then."""
    cameras, now_s = Counter(frame.camera_id for frame in frames), time.time()
    records = ({name: getattr(frame, name) for name in Frame.__slots__} for frame in frames)
    data = io.BytesIO()
    about = {"cameras": json.dumps(cameras), "written_at": str(now_s)}
    fastavro.writer(data, _schema(), records, metadata=about)
    name = f"{number:020d}-{zlib.crc32(data.getbuffer()):08x}"
    partial, path = folder / (name + PARTIAL), folder / (name + NAME)
    try:
        with partial.open("wb") as file:
            file.write(data.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(folder)
    except OSError:
        partial.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return SpoolFile(path, data.tell(), cameras, now_s)


def look(path: Path) -> SpoolFile:
    """What an earlier process wrote. Raises `Damaged` where its beginning already tells."""
    try:
        with path.open("rb") as file:
            about = fastavro.reader(file).metadata
        return SpoolFile(path, path.stat().st_size, Counter(json.loads(about["cameras"])), float(about["written_at"]))
    except Exception as error:  # damaged bytes lead the reader anywhere
        raise Damaged(f"{path.name} cannot be read: {error}") from error


def read(path: Path) -> list[Frame]:
    """The frames in order. Raises `Damaged`."""
    try:
        data = path.read_bytes()
        if zlib.crc32(data) != int(path.stem.split("-")[1], 16):
            raise Damaged("its checksum is another")
        records: Any = fastavro.reader(io.BytesIO(data), _schema())
        return [Frame(**fields) for fields in records]
    except Exception as error:  # the checksum holds for what was written, not for what an older version wrote
        raise Damaged(f"{path.name} cannot be read: {error}") from error


def sync(folder: Path) -> None:
    """A new name in the folder is on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _schema() -> Any:
    return fastavro.parse_schema(json.loads(contract.schema("Frame")))

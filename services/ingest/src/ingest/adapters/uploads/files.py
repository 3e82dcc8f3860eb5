"""Uploaded files as frames: one in memory, many of a request on disk until all have been looked at."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.adapters.encode import as_jpeg
from ingest.adapters.exif import taken_at
from ingest.adapters.uploads.parameters import NOTHING, Given
from ingest.domain.capture_time import whole_ms
from ingest.domain.picture import LARGEST_PIXELS, content_type, declared_size, refusal
from ingest.domain.upload import LARGEST_REQUEST_BYTES, MOST_FILES, FileRefused, is_archive
from winnow.errors import Refused
from winnow.events import Frame
from winnow.identity import frame_id_of_file

GIANT_PIXELS = 16_000_000
_one_giant = threading.Semaphore()
"""Decoding takes about ten bytes a pixel: of large pictures one at a time."""


def frame_of(camera_id: str, file: bytes, received_at: datetime, given: Given) -> Frame:
    """The frame of a file. The same file gives the same id and image whenever it comes. Raises `FileRefused`."""
    if is_archive(file):
        raise FileRefused("nested_archive", "an archive; unpack it first")
    if refused := refusal(file, len(file)):
        raise FileRefused(*refused)
    return Frame(
        frame_id=given.frame_id or frame_id_of_file(camera_id, hashlib.sha256(file).hexdigest(), 0),
        camera_id=camera_id,
        captured_at=whole_ms(given.captured_at or taken_at(file) or received_at),
        sequence=given.sequence,
        content_type="image/jpeg",
        image=_encoded(file),
    )


def _encoded(file: bytes) -> bytes:
    width, height = declared_size(file) or (0, 0)
    if width * height > LARGEST_PIXELS:
        raise FileRefused("too_many_pixels", f"{width} x {height} pixels; a picture has at most {LARGEST_PIXELS:,}")
    try:
        if width * height <= GIANT_PIXELS or content_type(file) == "image/jpeg":
            return as_jpeg(file)
        with _one_giant:
            return as_jpeg(file)
    except Refused as error:
        raise FileRefused("damaged", str(error)) from error


class Bundle:
    """The files of one request, each looked at as it comes; their images are on disk, in a file without a name."""

    def __init__(self, camera_id: str, received_at: datetime, folder: Path) -> None:
        self.names: list[str] = []
        self.refused: list[tuple[str, FileRefused]] = []
        self._camera_id = camera_id
        self._received_at = received_at
        self._frames: list[Frame] = []
        self._sizes: list[int] = []
        self._images = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._bytes = 0

    def add(self, name: str, file: bytes) -> None:
        """Looks at a file. Raises `FileRefused` where the request as a whole has become too large."""
        self._bytes += len(file)
        if self._bytes > LARGEST_REQUEST_BYTES:
            raise FileRefused("too_large", f"more than {LARGEST_REQUEST_BYTES:,} bytes together")
        try:
            frame = frame_of(self._camera_id, file, self._received_at, NOTHING)
        except FileRefused as error:
            self.refuse(name, error)
            return
        assert isinstance(frame.image, bytes)
        self._counted(name)
        self._images.write(frame.image)
        self._sizes.append(len(frame.image))
        self._frames.append(replace(frame, image=b""))

    def offer(self, name: str, file: bytes | FileRefused) -> None:
        """A file, or why there is none."""
        if isinstance(file, FileRefused):
            self.refuse(name, file)
        else:
            self.add(name, file)

    def refuse(self, name: str, error: FileRefused) -> None:
        """Remembers a file that is not taken: nothing of its request is."""
        self._counted(name)
        self.refused.append((name, error))

    @property
    def sizes(self) -> list[int]:
        """Of the images, in order."""
        return self._sizes

    def frames(self) -> Iterator[Frame]:
        """In order, with their images."""
        self._images.seek(0)
        for frame, size in zip(self._frames, self._sizes, strict=True):
            yield replace(frame, image=self._images.read(size))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._images.close()

    def _counted(self, name: str) -> None:
        if len(self.names) >= MOST_FILES:
            raise FileRefused("too_many_files", f"more than {MOST_FILES:,} files")
        self.names.append(name)

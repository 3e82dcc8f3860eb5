"""Frames through a pipe: what a child process that makes frames writes to its standard output.

Each record is two big-endian uint32, the lengths of a header and of an image, then the header (UTF-8 JSON) and
the image's bytes. The first record says how long the footage is, `{"begin": true, "length_s": S}` (null where
that is not known). Then one record a frame, `{"index": I, "t_s": T}`, T in seconds since the first frame, with
its image. The last is `{"end": true, "frames": N}`: without it, the child died.
"""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

LENGTHS = struct.Struct(">II")


def write_begin(out: BinaryIO, length_s: float | None) -> None:
    """Before the first frame: the footage's length in seconds."""
    _write(out, {"begin": True, "length_s": length_s}, b"")


def write_frame(out: BinaryIO, index: int, t_s: float, image: bytes) -> None:
    """One frame. Raises BrokenPipeError when nobody reads any more."""
    _write(out, {"index": index, "t_s": t_s}, image)


def write_end(out: BinaryIO, frames: int) -> None:
    """The mark that all `frames` frames were written."""
    _write(out, {"end": True, "frames": frames}, b"")


def _write(out: BinaryIO, header: dict[str, object], image: bytes) -> None:
    text = json.dumps(header, separators=(",", ":")).encode()
    out.write(LENGTHS.pack(len(text), len(image)) + text + image)
    out.flush()

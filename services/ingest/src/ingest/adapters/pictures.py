"""A video stream's packets as JPEGs: those of Motion JPEG as they are, all others decoded and encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import av

from ingest.domain.huffman import has_huffman_tables


@dataclass(frozen=True)
class Picture:
    """One frame of a stream. `jpeg` makes its bytes, where they are wanted; None where there are none."""

    time_s: float | None
    damaged: bool
    jpeg: Callable[[], bytes | None]


class Pictures:
    """The pictures of a stream of PyAV, packet by packet."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._passes = stream.codec_context.name == "mjpeg"
        self._tables: Any = None

    def of(self, packet: Any) -> Iterator[Picture]:
        """What a packet holds, mostly one picture. Raises `av.FFmpegError` where it cannot be decoded."""
        if not self._passes:
            for frame in packet.decode():
                yield Picture(frame.time, frame.is_corrupt, partial(_encoded, frame))
        elif packet.size:
            time_s = None if packet.pts is None else float(packet.pts * packet.time_base)
            yield Picture(time_s, packet.is_corrupt, partial(self._whole, packet))

    def _whole(self, packet: Any) -> bytes | None:
        image = bytes(packet)
        if has_huffman_tables(image):
            return image
        if self._tables is None:
            self._tables = av.bitstream.BitStreamFilterContext("mjpeg2jpeg", self._stream)
        return b"".join(bytes(whole) for whole in self._tables.filter(packet))


def _encoded(frame: Any) -> bytes | None:
    from ingest.adapters.jpeg import jpeg  # 40 MB that a camera of JPEGs never needs

    return jpeg(frame.to_ndarray(format="bgr24"))

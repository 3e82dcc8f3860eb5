"""Videos as cameras and attackers make them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 640, 480


def noise(path: Path, frames: int = 20, *, codec: str = "mpeg4", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """10 frames a second, each larger than a pipe holds: a decoder cannot run ahead of who reads it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            image = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def giant(path: Path) -> Path:
    """A Matroska file of FFV1 whose frames have 256 megapixels by its header; decoded, they would take 2 GB."""
    whole = noise(path, 3, codec="ffv1").read_bytes()
    declared = _size(WIDTH, HEIGHT)
    assert whole.count(declared) == 1
    path.write_bytes(whole.replace(declared, _size(16_000, 16_000)))
    return path


def _size(width: int, height: int) -> bytes:
    """The elements PixelWidth and PixelHeight, of two bytes each (RFC 9559, sections 5.1.4.1.28.6 and .7)."""
    return b"\xb0\x82" + width.to_bytes(2, "big") + b"\xba\x82" + height.to_bytes(2, "big")

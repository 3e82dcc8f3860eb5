"""Camera frames for benchmarks: real footage, scaled, with the grain that scaling took, q85 4:2:0."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from winnow.errors import Refused

GRAIN = 4.0
"""Standard deviation of the added grain in grey levels: makes 1080p frames of over 250 KB, as cameras send them."""


def camera_frames(video: Path, count: int, size: tuple[int, int]) -> list[bytes]:
    """`count` JPEGs of a video, from its start over and over; the grain of each is its own.

    Raises `Refused` where the file is not a video.
    """
    width, height = size
    chance = np.random.default_rng(0)
    grain = chance.normal(0, GRAIN, (height + 64, width + 64, 1)).astype(np.float32)
    frames: list[bytes] = []
    pictures = _pictures(video, count)
    for index in range(count):
        picture = cv2.resize(pictures[index % len(pictures)], (width, height), interpolation=cv2.INTER_CUBIC)
        y, x = chance.integers(0, 64, 2)
        noisy = picture.astype(np.float32) + grain[y : y + height, x : x + width]
        ok, encoded = cv2.imencode(
            ".jpg",
            np.clip(noisy, 0, 255).astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420],
        )
        assert ok
        frames.append(encoded.tobytes())
    return frames


def bare_decode(image: bytes) -> None:
    """OpenCV's gray/8 decode, which costs are compared with; on this thread where OpenCV has none of its own."""
    cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)


def bare_decode_s(images: Sequence[bytes]) -> float:
    """CPU seconds of that decode alone of these JPEGs, on this thread."""
    cv2.setNumThreads(1)
    begin_s = time.thread_time()
    for image in images:
        bare_decode(image)
    return time.thread_time() - begin_s


def _pictures(video: Path, count: int) -> list[npt.NDArray[np.uint8]]:
    try:
        with av.open(str(video)) as container:
            pictures = []
            for frame in container.decode(video=0):
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                if len(pictures) == count:
                    break
    except (av.FFmpegError, OSError) as error:
        raise Refused(f"{video}: not a readable video: {error}") from error
    if not pictures:
        raise Refused(f"{video}: no frame could be decoded")
    return pictures

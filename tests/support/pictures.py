"""Pictures and frames for tests: small rendered scenes, cheap and different enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from winnow.events import Frame

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def picture(seed: int, objects: int = 0, *, noise: float = 2.0, size: tuple[int, int] = (320, 240)) -> bytes:
    """A JPEG of a fixed textured background; each of `objects` puts a bright box at a place of its own."""
    width, height = size
    ground = cv2.resize(np.random.default_rng(7).uniform(60, 160, (12, 16, 3)), size, interpolation=cv2.INTER_CUBIC)
    chance = np.random.default_rng(seed)
    image = ground + chance.normal(0, noise, ground.shape)
    for number in range(objects):
        x, y = (37 * number * number + 20) % (width - 60), (53 * number + 15) % (height - 60)
        image[y : y + 50, x : x + 50] = (230, 30 + 40 * (number % 5), 240)
    return bytes(cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def frame(camera: str, index: int, image: bytes, *, interval_s: float = 1.0, begin: datetime | None = None) -> Frame:
    """Frame `index` of a camera that takes one each `interval_s`."""
    captured_at = (begin or recent()) + timedelta(seconds=index * interval_s)
    return Frame(f"{camera}-{index}", camera, captured_at, index, "image/jpeg", image)


def stream(camera: str, frames: int, *, begin: datetime | None = None, interval_s: float = 1.0) -> list[Frame]:
    """A camera's frames: quiet stretches, and something new every seventh frame."""
    return [
        frame(camera, i, picture(i, 1 + i // 7 if i % 7 == 3 else 0), interval_s=interval_s, begin=begin)
        for i in range(frames)
    ]


def recent() -> datetime:
    """A moment an hour ago, the same for all frames of a run."""
    return _RECENT


_RECENT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

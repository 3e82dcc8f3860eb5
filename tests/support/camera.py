"""A camera's small pictures with known faults, and what the whole decision says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import cv2
import numpy as np
import xxhash

from selector.domain.decide import ObservedFrame, decide
from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.masks import EVERYTHING, Visible
from selector.domain.policy import PolicyInForce
from selector.domain.signature import Signature
from selector.domain.state import CameraState
from winnow.events import SelectionPolicy, Source, Verdict

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
SIZE = (480, 360)
WARM = 48
"""Good frames before a fault: more than the rules need to know a camera."""


def policy(visible: Visible = EVERYTHING, **changes) -> PolicyInForce:
    values = {"kept_per_hour": 1200.0, "burst": 10.0, "changed_at": BEGIN, "control_every_s": 1e9} | changes
    return PolicyInForce(SelectionPolicy(**values), 5, KEY, "camera/yard", KEY, 86_400.0, -1, visible=visible)


@cache
def ground(view: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A scene of smooth colours with sharp boxes in it; each view another."""
    chance = np.random.default_rng(view)
    image = cv2.resize(chance.uniform(70, 150, (6, 8, 3)), size, interpolation=cv2.INTER_CUBIC)
    for _ in range(60 * size[0] * size[1] // (SIZE[0] * SIZE[1])):
        x, y = int(chance.integers(0, size[0] - 40)), int(chance.integers(0, size[1] - 40))
        w, h = (int(chance.integers(8, 60)) for _ in range(2))
        image[y : y + h, x : x + w] = chance.uniform(20, 200, 3)
    return image.astype(np.float32)


def noisy(image: np.ndarray, seed: int, noise: float = 2.0) -> np.ndarray:
    """What a sensor makes of it."""
    sensor = np.random.default_rng([seed, 9]).normal(0, noise, (*image.shape[:2], 1))
    return np.clip(image + sensor, 0, 255).astype(np.uint8)


def scene(
    seed: int,
    *,
    view: int = 1,
    light: float = 1.0,
    fog: float = 1.0,
    blur: float = 0.0,
    grey: bool = False,
    covered: bool = False,
    noise: float = 2.0,
) -> np.ndarray:
    """A picture with noise of its own: `light` a factor, `fog` the share of light that comes through."""
    image = ground(view)
    if covered:
        image = np.full_like(image, 40.0) + np.linspace(0, 15, SIZE[0], dtype=np.float32)[None, :, None]
    if grey:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = image * light * fog + 215.0 * (1.0 - fog)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    return noisy(image, seed, noise)


def clock(image: np.ndarray, second: int) -> np.ndarray:
    ticking = image.copy()
    cv2.rectangle(ticking, (5, 5), (150, 30), (0, 0, 0), -1)
    cv2.putText(ticking, f"12:00:{second:02d}", (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return ticking


def judged(
    pictures, in_force: PolicyInForce | None = None, state: CameraState | None = None, *, first: int = 0, every_s=1.0
) -> tuple[list[Verdict], CameraState]:
    """Verdicts of pictures (arrays, or a JPEG's bytes), a frame each `every_s`, the first with that number."""
    state = state or CameraState("yard")
    verdicts = []
    for index, picture in enumerate(pictures, first):
        image = picture if isinstance(picture, bytes) else encoded(picture)
        moment = BEGIN + timedelta(seconds=index * every_s)
        found = extract(image, ExtractionLimits())
        assert isinstance(found, Signature)
        frame = ObservedFrame(
            camera_id="yard",
            frame_id=f"f{index}",
            source=Source("frames", 0, index),
            captured_at=moment,
            broker_time=moment,
            size_bytes=len(image),
            content_hash=xxhash.xxh3_128_intdigest(image),
            signature=found,
            unreadable="",
            decided_at=BEGIN,
        )
        verdict, state = decide(state, frame, in_force or policy())
        verdicts.append(verdict)
    return verdicts, state


def encoded(picture: np.ndarray, quality: int = 85) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def reasons(verdicts: list[Verdict]) -> list[str]:
    return [verdict.reason for verdict in verdicts]

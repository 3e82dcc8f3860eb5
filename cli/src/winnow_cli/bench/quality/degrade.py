"""What light, lens, sensor and encoder do to a picture: physical models with stated strengths.

Pictures are uint8 (height, width, 3) BGR in sRGB. What light does is done in linear light; the sensor's noise comes
after it and the clock and the JPEG after that, as in a camera.
"""

from __future__ import annotations

from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

FULL_WELL, READ_ELECTRONS = 4200.0, 6.0
"""Electrons at white and of read noise: about two grey levels at mid grey, as the rendered scenes have."""

_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)


def srgb(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Linear light (1 = white) -> sRGB, 0 to 1 (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def _table(linear: npt.NDArray[np.float64]) -> Picture:
    return np.asarray(np.round(255 * srgb(linear)), np.uint8)


_LINEAR_FLOAT = (65535 * _LINEAR).astype(np.float32)
_FROM_16 = _table(np.arange(65536) / 65535)


def _light(picture: Picture) -> Light:
    """Linear light, 65535 = white."""
    return np.asarray(cv2.LUT(picture, _LINEAR_FLOAT), np.float32)


def _seen(light: Light) -> Picture:
    return np.take(_FROM_16, np.clip(light, 0, 65535).astype(np.uint16))


def exposed(picture: Picture, stops: float) -> Picture:
    """`stops` EV more light, in linear light, clipped at white."""
    return np.asarray(cv2.LUT(picture, _table(_LINEAR * 2.0**stops)), np.uint8)


def lit(picture: Picture, factors: npt.NDArray[np.float64]) -> Picture:
    """`factors` (height, width) times the light at each place, in linear light, clipped at white."""
    return _seen(np.asarray(_light(picture) * factors.astype(np.float32)[..., None], np.float32))


def fogged(picture: Picture, transmission: float, airlight: float) -> Picture:
    """`I t + A (1 - t)` in linear light, `t` the same at every depth (Koschmieder, 1924)."""
    return np.asarray(cv2.LUT(picture, _table(_LINEAR * transmission + airlight * (1 - transmission))), np.uint8)


def defocused(picture: Picture, sigma: float) -> Picture:
    """A Gaussian of `sigma` pixels, in linear light."""
    return _seen(np.asarray(cv2.GaussianBlur(_light(picture), (0, 0), sigma), np.float32))


def motion_blurred(picture: Picture, length: float, angle: float) -> Picture:
    """An even movement by `length` pixels in the direction `angle` (radians) while the shutter is open."""
    middle = int(length) // 2 + 1
    kernel = np.zeros((2 * middle + 1, 2 * middle + 1), np.float32)
    for along in np.linspace(-length / 2, length / 2, 8 * middle):
        x, y = middle + along * np.cos(angle), middle + along * np.sin(angle)
        left, top = int(x), int(y)
        for column, of_x in ((left, left + 1 - x), (left + 1, x - left)):
            for row, of_y in ((top, top + 1 - y), (top + 1, y - top)):
                if of_x * of_y > 0:
                    kernel[row, column] += of_x * of_y
    moved = cv2.filter2D(_light(picture), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)
    return _seen(np.asarray(moved, np.float32))


def shaken(picture: Picture, dx: float, dy: float) -> Picture:
    """Moved by a part of a pixel or some; Lanczos of 8 taps, which keeps what is sharp."""
    moved = cv2.sepFilter2D(picture, -1, _lanczos(dx), _lanczos(dy), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _lanczos(shift: float) -> npt.NDArray[np.float64]:
    taps = np.arange(-6, 7) + shift
    weights = np.where(np.abs(taps) < 4, np.sinc(taps) * np.sinc(taps / 4), 0)
    return np.asarray(weights / weights.sum(), np.float64)


def with_object(picture: Picture, chance: np.random.Generator, area_share: float) -> Picture:
    """An upright or lying ellipse of that share of the picture, 30 to 80 grey levels off what is behind it.

    Two halves of slightly different colour, edges half a pixel soft.
    """
    height, width = picture.shape[:2]
    ratio = np.exp(chance.uniform(-0.7, 0.7))
    across = np.sqrt(area_share * height * width / np.pi)
    a, b = across * np.sqrt(ratio), across / np.sqrt(ratio)
    x, y = chance.uniform(a + 2, width - a - 2), chance.uniform(b + 2, height - b - 2)
    left, top, right, bottom = int(x - a) - 2, int(y - b) - 2, int(x + a) + 3, int(y + b) + 3
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float64)
    distance = (np.hypot((columns - x) / a, (rows - y) / b) - 1) * min(a, b)
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    behind = picture[top:bottom, left:right].astype(np.float64)
    level = float(behind.mean())
    contrast = chance.uniform(30, 80)
    lighter = level + contrast <= 255 if level - contrast < 0 else bool(chance.integers(2))
    colour = level + (contrast if lighter else -contrast) + chance.uniform(-10, 10, 3)
    shades = np.where(rows[..., None] < y, colour + 8, colour - 8)
    after = picture.copy()
    after[top:bottom, left:right] = np.clip(behind * (1 - cover) + shades * cover, 0, 255).round()
    return after


def infrared(picture: Picture) -> Picture:
    """Simulated: red counts most, the lamp beside the lens leaves the corners dark, no colour."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    lamp = np.exp(-(((x / width - 0.5) ** 2) + (y / height - 0.5) ** 2) / 0.18) * np.float32(0.7)
    grey = np.asarray(cv2.transform(_light(picture), np.array([[0.15, 0.25, 0.6]])), np.float32)
    return np.repeat(_seen(grey.reshape(height, width) * lamp)[..., None], 3, axis=2)


class Sensor:
    """Noise of a sensor: shot noise of the light and read noise, from a pool of fields at random shifts."""

    def __init__(self, shape: tuple[int, int], seed: int) -> None:
        self._chance = np.random.default_rng([seed, 0x5E])
        self._field = self._chance.standard_normal((shape[0] + 64, shape[1] + 64, 3), np.float32)

    def expose(self, picture: Picture, *, gain: float = 1.0) -> Picture:
        """The picture with noise; a `gain` above 1 is a sensor that got so much less light and amplified it."""
        height, width = picture.shape[:2]
        y, x = self._chance.integers(0, 64, 2)
        noise = self._field[y : y + height, x : x + width] * cv2.LUT(picture, _deviation(gain))
        return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


def _deviation(gain: float) -> npt.NDArray[np.float32]:
    """float32 (256,): grey levels of noise at each grey level."""
    well = FULL_WELL / gain
    light = np.maximum(_LINEAR, 1e-4)
    electrons = np.sqrt(light * well + READ_ELECTRONS**2)
    slope = np.gradient(srgb(np.clip(light, 0, 1)), light)
    return np.asarray(np.minimum(255 * slope * electrons / well, 24.0), np.float32)


def with_clock(picture: Picture, at: datetime) -> Picture:
    """Date and time burnt in, white with a black edge, always sharp."""
    after = picture.copy()
    scale = picture.shape[0] / 600
    where = (round(12 * scale) + 4, round(28 * scale) + 6)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            after, f"{at:%Y-%m-%d %H:%M:%S}", where, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA
        )
    return after


def jpeg(picture: Picture, quality: int, *options: int) -> bytes:
    """As JPEG, 4:2:0 unless the options (of OpenCV, flag and value in turn) say otherwise."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *options])
    assert ok
    return data.tobytes()

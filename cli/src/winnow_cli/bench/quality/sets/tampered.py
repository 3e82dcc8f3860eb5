"""What somebody does to a camera: covers it, turns its lens out of focus, or turns it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from winnow_cli.bench.quality.degrade import Picture, defocused
from winnow_cli.bench.quality.sets.defects import Chance
from winnow_cli.bench.quality.viewpoints import Viewpoint

SEEN = 0.625
"""Of a picture's width and height that the camera sees which is moved: what else there is lies around it."""

Deed = Callable[[Picture, Chance], Picture]


def capped(picture: Picture, chance: Chance) -> Picture:
    """A cap or a sheet right before the lens: one colour, a little more light on one side."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = chance.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x / width + np.sin(angle) * y / height
    level = chance.uniform(25, 160) + chance.uniform(5, 25) * along
    coloured = level[..., None] * chance.uniform(0.7, 1.1, 3)
    return np.asarray(np.clip(coloured, 0, 255), np.uint8)


def bagged(picture: Picture, chance: Chance) -> Picture:
    """A bag or a hand close by: of the scene only blurred light and shade, with a third of the contrast or less."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (16, 12), interpolation=cv2.INTER_AREA).astype(np.float32)
    scene = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.5), (width, height), interpolation=cv2.INTER_CUBIC)
    through = chance.uniform(0.05, 0.35)
    return np.clip(scene * through + chance.uniform(60, 180, 3) * (1 - through), 0, 255).astype(np.uint8)


def turned_lens(picture: Picture, chance: Chance) -> Picture:
    """A Gaussian of .6 to 2 % of the picture's width: 4 to 13 px at 640."""
    return defocused(picture, picture.shape[1] * float(chance.uniform(0.006, 0.02)))


def home(view: Viewpoint) -> Viewpoint:
    """The camera that is moved: it sees the lower left of each picture, what it is turned to lies above and right."""
    return replace(view, pictures=tuple(aimed(picture) for picture in view.pictures))


def aimed(picture: Picture, right: float = 0.0, up: float = 0.0, *, turn: float = 0.0, zoom: float = 1.0) -> Picture:
    """What the camera sees: moved by parts of its frame, turned by degrees, things `zoom` times as large."""
    height, width = picture.shape[:2]
    seen = (round(SEEN * width), round(SEEN * height))
    middle = (seen[0] / 2 + round(right * seen[0]), height - seen[1] / 2 - round(up * seen[1]))
    matrix = cv2.getRotationMatrix2D(middle, turn, zoom)
    matrix[:, 2] += (seen[0] / 2 - middle[0], seen[1] / 2 - middle[1])
    taken = cv2.warpAffine(picture, matrix, seen, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(taken, np.uint8)


def _pushed(least: float, most: float) -> Deed:
    def deed(picture: Picture, chance: Chance) -> Picture:
        far, angle = float(chance.uniform(least, most)), float(chance.uniform(0, np.pi / 2))
        return aimed(picture, far * np.cos(angle), far * np.sin(angle))

    return deed


def turned(picture: Picture, chance: Chance) -> Picture:
    return aimed(picture, turn=float(chance.uniform(5, 20) * chance.choice((-1, 1))))


def zoomed_out(picture: Picture, chance: Chance) -> Picture:
    zoom = float(chance.uniform(SEEN, 0.85))
    more = (1 / zoom - 1) / 2
    return aimed(picture, more, more, zoom=zoom)


TOUCHED: dict[str, Deed] = {
    "covered": capped,
    "covered, some light comes through": bagged,
    "out of focus": turned_lens,
}
MOVED: dict[str, Deed] = {
    "moved by 10 to 30 % of the frame": _pushed(0.1, 0.3),
    "moved by 30 to 60 % of the frame": _pushed(0.3, 0.6),
    "turned by 5 to 20 degrees": turned,
    "zoomed out by 1.2 to 1.6": zoomed_out,
}
"""Of `home`'s camera, from the whole pictures."""

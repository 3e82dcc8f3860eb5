"""What happens before a camera that nobody touches: each event is its frames' light and the sensor's gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from winnow_cli.bench.quality.degrade import Picture, exposed, fogged, infrared, lit
from winnow_scenes.scene import Scene

Frames = list[tuple[Picture, float]]
"""Pictures and the gain that each is taken with."""

SLOW_FRAMES = 12
"""Of dusk and fog, a minute at a frame each 5 s: faster than either comes, and the harder for it."""


def other_views(seed: int, size: tuple[int, int]) -> list[Picture]:
    """Pictures of `size` (width, height) of rendered places that no camera of the bench shows."""
    width, height = size
    places = [(kind, view) for kind in ("yard", "conveyor") for view in (0, 1)]
    scenes = [Scene(kind, seed + 1000, width, height, fps=0.05, view=view) for kind, view in places]
    return [scene.frame(index)[0] for scene in scenes for index in (0, 40)]


class Innocent:
    """Events before one camera, drawn at random; `others` are pictures of other places, none smaller than its own."""

    def __init__(self, pictures: Sequence[Picture], others: Sequence[Picture], seed: int) -> None:
        self._pictures, self._others = pictures, others
        self._chance = np.random.default_rng([seed, 0x1A])

    def events(self, count: int) -> Iterator[tuple[str, Frames]]:
        """`count` of each kind, with the kind's name."""
        for kind, happens in KINDS.items():
            for _ in range(count):
                yield kind, happens(self, self._pictures[int(self._chance.integers(len(self._pictures)))])

    def cut(self, picture: Picture) -> Frames:
        """To another place, for six frames."""
        height, width = picture.shape[:2]
        other = self._others[int(self._chance.integers(len(self._others)))]
        shown = np.asarray(cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return [(shown, 1.0)] * 6

    def cloud(self, picture: Picture) -> Frames:
        """A shadow with a soft edge goes over the scene: .5 to 1.5 EV less."""
        depth = float(self._chance.uniform(0.5, 1.5))
        x = _across(picture, float(self._chance.uniform(0, 2 * np.pi)))
        edges = np.linspace(-0.2, 1.2, 5)
        comes = [1 / (1 + np.exp((x - edge) / 0.15)) for edge in edges]
        shares = [*comes, *(1 - share for share in comes)]
        return [(lit(picture, 2.0 ** (-depth * share)), 1.0) for share in shares]

    def lamp_off(self, picture: Picture) -> Frames:
        """From one frame to the next 1 to 3 EV less, and less evenly: what is left comes from one side."""
        stops = float(self._chance.uniform(1, 3))
        x = _across(picture, float(self._chance.uniform(0, 2 * np.pi)))
        dim = lit(picture, 2.0 ** (-stops * (0.6 + 0.4 * x)))
        return [(dim, 2.0 ** (stops / 2))] * 6

    def lamp_on(self, picture: Picture) -> Frames:
        """A lamp's cone on the scene, up to 1 to 3 EV more in its middle."""
        height, width = picture.shape[:2]
        y, x = np.mgrid[0:height, 0:width] / height
        away = (x - self._chance.uniform(0, width / height)) ** 2 + (y - self._chance.uniform(0, 1)) ** 2
        stops = float(self._chance.uniform(1, 3)) * np.exp(-away / float(self._chance.uniform(0.1, 1)))
        return [(lit(picture, 2.0**stops), 1.0)] * 6

    def night(self, picture: Picture) -> Frames:
        """Light goes by 4 to 7 EV, of which the sensor makes good up to 3 by amplifying, with the noise that costs."""
        most = float(self._chance.uniform(4, 7))
        lost = np.linspace(0, most, SLOW_FRAMES)
        return [(exposed(picture, min(3.0, stops) - stops), 2.0 ** min(3.0, stops)) for stops in lost]

    def infrared(self, picture: Picture) -> Frames:
        """Light goes by 1 and 2 EV, which the sensor makes good; then filter and lamp switch to infrared at once."""
        return [(picture, 2.0), (picture, 4.0), *[(infrared(picture), 2.0)] * 6]

    def fog(self, picture: Picture) -> Frames:
        """To a transmission of .1 to .4."""
        least, airlight = float(self._chance.uniform(0.1, 0.4)), float(self._chance.uniform(0.4, 0.8))
        return [(fogged(picture, float(t), airlight), 1.0) for t in np.geomspace(1, least, SLOW_FRAMES)]

    def truck(self, picture: Picture) -> Frames:
        """A wall with seams and some letters over 70 to 95 % of the picture's width, for one to three frames."""
        height, width = picture.shape[:2]
        wide, high = (int(side * self._chance.uniform(0.7, 0.95)) for side in (width, height))
        left = int(self._chance.integers(0, width - wide))
        wall = np.empty((high, wide, 3), np.uint8)
        wall[:] = self._chance.integers(30, 220, 3)
        seam = np.clip(wall[0, 0].astype(int) - 40, 0, 255).tolist()
        for place in range(0, wide, max(8, wide // int(self._chance.integers(5, 14)))):
            cv2.line(wall, (place, 0), (place, high), seam, 2)
        letters = [int(255 - level) for level in wall[0, 1]]
        cv2.putText(wall, "CARGO 24", (wide // 8, high // 2), cv2.FONT_HERSHEY_SIMPLEX, high / 150, letters, 3)
        before = picture.copy()
        before[height - high :, left : left + wide] = wall
        return [(before, 1.0)] * int(self._chance.integers(1, 4)) + [(picture, 1.0)] * 2


KINDS: dict[str, Callable[[Innocent, Picture], Frames]] = {
    "cuts to other views": Innocent.cut,
    "clouds": Innocent.cloud,
    "lamps off": Innocent.lamp_off,
    "lamps on": Innocent.lamp_on,
    "night falls": Innocent.night,
    "infrared comes on": Innocent.infrared,
    "fog comes up": Innocent.fog,
    "a truck in front": Innocent.truck,
}


def _across(picture: Picture, angle: float) -> npt.NDArray[np.float64]:
    """0 to 1 over the picture in a direction (radians)."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    along = x / width * np.cos(angle) + y / height * np.sin(angle)
    return np.asarray((along - along.min()) / np.ptp(along), np.float64)

"""Which of the rejected frames are shown: of each reason a bounded number, the closest calls among them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from winnow_cli.offline.html.album import Album
from winnow_cli.offline.html.stream import Seen

MOST = 240
"""Rejected frames that are shown of one reason."""

MOST_BESIDE_ONE = 6
"""Of them, beside one kept frame."""


class _Entry(NamedTuple):
    frame: Seen
    difference: float


class Sample:
    """Of one reason, frames to show beside the kept frames that they are most like.

    Where there are too many beside one, of the two closest in time the one that differs less goes: what remains is
    spread over the stream, and the frame that differs most is always in it. Has at most `MOST` frames whatever is
    offered: when there are more, fewer of them stand beside each kept frame.
    """

    def __init__(self, album: Album) -> None:
        self._album = album
        self._beside: dict[object, list[_Entry]] = defaultdict(list)
        self._count = 0
        self._limit = MOST_BESIDE_ONE

    def offer(self, frame: Seen, image: bytes, *, beside: object, difference: float) -> None:
        """Gives the frame its picture if it is to be shown, and takes the picture of the one in whose place it comes.

        Frames of one `beside` come in the order of the stream.
        """
        entries = [*self._beside[beside], _Entry(frame, difference)]
        if len(entries) > self._limit and _least_worth(entries) is entries[-1]:
            return  # known before anything is decoded
        frame.picture = self._album.add(image)
        if frame.picture is None:
            return
        self._beside[beside] = entries
        self._count += 1
        self._trim(beside)
        while self._count > MOST:
            self._limit_further()

    def _trim(self, beside: object) -> None:
        while len(self._beside[beside]) > self._limit:
            self._drop(beside, _least_worth(self._beside[beside]))

    def _limit_further(self) -> None:
        if self._limit > 1:
            self._limit -= 1
            for beside in self._beside:
                self._trim(beside)
        else:
            beside, entries = min(
                ((beside, entries) for beside, entries in self._beside.items() if entries),
                key=lambda one: one[1][0].difference,
            )
            self._drop(beside, entries[0])

    def _drop(self, beside: object, entry: _Entry) -> None:
        self._beside[beside] = [one for one in self._beside[beside] if one is not entry]
        self._count -= 1
        if entry.frame.picture is not None:
            self._album.drop(entry.frame.picture)
            entry.frame.picture = None


def _least_worth(entries: list[_Entry]) -> _Entry:
    """Of the two that are closest in the stream, the one that differs less; of equal ones the later."""
    closest = min(pairwise(entries), key=lambda pair: pair[1].frame.place - pair[0].frame.place)
    return closest[0] if closest[0].difference < closest[1].difference else closest[1]

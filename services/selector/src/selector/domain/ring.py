"""The ring of kept frames that new ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selector.domain.descriptor import DESCRIPTOR_SIZE, cosine_distances, describe
from selector.domain.fit import GridFit, fit_grids
from selector.domain.masks import EVERYTHING, Visible, hidden
from selector.domain.noise import NearDuplicateThresholds
from selector.domain.signature import Signature

RING_SIZE = 128
COMPARED = 4
"""Kept frames that a frame is fitted to: those nearest by cosine (docs/measurements/near-duplicates.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A kept frame as the ring has it; `packed` is its signature's stored form."""

    frame_id: str
    event_ms: int
    packed: bytes
    luma: npt.NDArray[np.uint8]


class Match(NamedTuple):
    """How a frame compares with the kept one that is most like it; `novelty` is `NearDuplicateThresholds`'."""

    frame_id: str
    cosine: float
    fit: GridFit
    novelty: float


def _no_descriptors() -> npt.NDArray[np.float32]:
    return np.zeros((0, DESCRIPTOR_SIZE), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """The last 128 frames that the rules kept; a value, replaced by `put`. `count` were ever put.

    `descriptors` are of what is `visible`.
    """

    count: int = 0
    kept: tuple[Kept, ...] = ()
    descriptors: npt.NDArray[np.float32] = field(default_factory=_no_descriptors)
    visible: Visible = EVERYTHING

    def behind(self, visible: Visible) -> Ring:
        """The ring as it is compared behind other masks."""
        if visible is self.visible:
            return self
        return replace(self, descriptors=_described(self.kept, visible), visible=visible)

    def nearest(self, signature: Signature, thresholds: NearDuplicateThresholds) -> Match | None:
        """Of the four kept frames nearest by cosine the first in which nothing is new, else the one with least novelty.

        Beside the nearest by cosine, only frames within that threshold are fitted. Where only the cosine is too large,
        the kept frame is put into the light of this one first: what clips there has no contrast in either. None where
        nothing was kept yet.
        """
        if not self.kept:
            return None
        descriptor = describe(hidden(signature.luma, self.visible))
        distances = cosine_distances(descriptor, self.descriptors)
        order = np.argsort(distances, kind="stable")[:COMPARED]
        best: Match | None = None
        for place in order:
            cosine = float(distances[place])
            if best is not None and cosine > thresholds.cosine:
                break
            kept = self.kept[place]
            fit = fit_grids(signature.luma, kept.luma, self.visible.luma, thresholds.certain)
            if thresholds.novelty(0.0, fit) <= 1.0 < cosine / thresholds.cosine:
                cosine = min(cosine, self._cosine_in_its_light(descriptor, kept, fit))
            novelty = thresholds.novelty(cosine, fit)
            if best is None or novelty < best.novelty:
                best = Match(kept.frame_id, cosine, fit, novelty)
            if novelty <= 1.0:
                break
        return best

    def _cosine_in_its_light(self, descriptor: npt.NDArray[np.float32], kept: Kept, fit: GridFit) -> float:
        """The cosine distance to a kept frame after the fit's gain and offset, clipped at black and white."""
        lit = np.clip(np.rint(fit.gain * kept.luma + fit.offset), 0, 255).astype(np.uint8)
        return float(cosine_distances(descriptor, describe(hidden(lit, self.visible))[np.newaxis])[0])

    def put(self, frame_id: str, event_ms: int, signature: Signature) -> Ring:
        """The ring with one more kept frame, in the place of the oldest where it was full."""
        slot = self.count % RING_SIZE
        entry = Kept(frame_id, event_ms, signature.to_bytes(), signature.luma)
        descriptor = describe(hidden(signature.luma, self.visible))[np.newaxis]
        return replace(
            self,
            count=self.count + 1,
            kept=(*self.kept[:slot], entry, *self.kept[slot + 1 :]),
            descriptors=np.concatenate((self.descriptors[:slot], descriptor, self.descriptors[slot + 1 :])),
        )

    @staticmethod
    def restored(count: int, kept: dict[int, tuple[str, int, bytes]]) -> Ring:
        """The ring of which these are the entries (frame id, event time in ms, packed signature) by slot.

        Raises `ValueError` where one of the slots that `count` asks for is missing.
        """
        size = min(count, RING_SIZE)
        if sorted(kept) != list(range(size)):
            raise ValueError(f"a ring of {size} frames has the slots {sorted(kept)}")
        entries = []
        for slot in range(size):
            frame_id, event_ms, packed = kept[slot]
            entries.append(Kept(frame_id, event_ms, packed, Signature.from_bytes(packed).luma))
        return Ring(count, tuple(entries), _described(entries, EVERYTHING))


def _described(entries: Sequence[Kept], visible: Visible) -> npt.NDArray[np.float32]:
    if not entries:
        return _no_descriptors()
    return np.stack([describe(hidden(entry.luma, visible)) for entry in entries])

"""Somebody at the camera: covered, out of focus, or moved, from one frame to the next and for several."""

from __future__ import annotations

from typing import NamedTuple

from selector.domain.quality.measure import Detail
from selector.domain.quality.shift import STEP, Shift

FRAMES = 3
"""Suspicious frames in a row of which the last is called tampered."""

SUDDEN_FRAMES = 3
"""Somebody's hand takes no longer: dusk and fog come over more frames, through all that lies between."""

USUAL_ABOVE = -0.3
COVERED_BELOW = -0.6
"""Contrast in the strongest tiles, in factors of two. Fog that comes up takes more than three frames from what is still
as usual to what looks covered; a covered road camera, with few and weak edges, has -.65 or less."""

NOTHING_SHARP = -0.9
NOTHING_SHARP_GRADIENT = -2.5
"""How much less the strongest AC bits are, wherever they lie, or contrast where those cannot be compared: a covered
lens has -1.25 or less, cuts from any view to another -.62 or more (three cameras of footage, five rendered ones)."""

STRANGE_BELOW = 0.5
"""The correlation of patterns under which a picture shows something else than the reference: fog to a transmission of
.4, defocus to 3 px, night and 3 exposure steps less stay at .69 or more (rendered scenes), other views below .4."""

COVERED_PATTERN = 0.35
DEFOCUSED_BELOW = -0.4
DEFOCUSED_VISIBILITY = -0.3
"""Focus and visibility in factors of two: out of focus beyond what wind or a lens's breathing does, edges with it, and
nothing as sharp as before anywhere."""

MOVED_ABOVE = 0.8
"""The match of another place of the usual view: cuts to 5,688 views of other cameras and of other places reach .66
(docs/measurements/selection.md), 86 % of the frames of a camera that was only moved have more."""

RELEARN_MS = 30 * 60_000
"""After this time of another view, with edges of its own, the references are learnt anew."""

GIVE_UP_MS = 24 * 3_600_000
"""After this time of nothing but rejected frames, too: whatever it is, it is what the camera has to show."""


class Vigil(NamedTuple):
    """`suspect` frames in a row; `since_usual` frames since one looked as usual; times since when another view was
    seen, and since when every frame was rejected against a reference, in ms of event time.

    `moved` frames in a row showed the usual view `moved_down` and `moved_right` half tiles away; `since_known` frames
    since one showed it anywhere.
    """

    suspect: int = 0
    since_usual: int = 0
    strange_ms: int | None = None
    rejected_ms: int | None = None
    moved: int = 0
    moved_down: int = 0
    moved_right: int = 0
    since_known: int = SUDDEN_FRAMES

    @property
    def looks_for_move(self) -> bool:
        """Whether a picture of another view may be the usual one, moved: right after that one, or once it was."""
        return self.moved >= FRAMES or self.since_known < SUDDEN_FRAMES


def suspicion(detail: Detail) -> dict[str, float]:
    """The limits, by the signals' names, by which a picture beside one reference looks covered or out of focus.

    Each signal is at most its limit. Empty where it does not look so.
    """
    if detail.clearest is None or detail.visibility is None:
        return {}
    if detail.keenest is None:
        blank = {"clearest": NOTHING_SHARP_GRADIENT} if detail.clearest <= NOTHING_SHARP_GRADIENT else {}
    else:
        blank = {"keenest": NOTHING_SHARP} if detail.keenest <= NOTHING_SHARP else {}
    if blank and detail.clearest <= COVERED_BELOW and detail.pattern <= COVERED_PATTERN:
        return {"clearest": COVERED_BELOW, "pattern": COVERED_PATTERN} | blank
    soft = detail.focus is not None and detail.focus <= DEFOCUSED_BELOW
    if blank and soft and detail.visibility <= DEFOCUSED_VISIBILITY:
        return {"focus": DEFOCUSED_BELOW, "visibility": DEFOCUSED_VISIBILITY} | blank
    return {}


def followed(vigil: Vigil, shift: Shift | None, *, strange: bool) -> Vigil:
    """One frame on; `shift` is where a picture of another view, `strange`, has the usual one."""
    if not strange:
        return vigil._replace(moved=0, since_known=0) if vigil.moved or vigil.since_known else vigil
    if shift is not None and is_moved(shift):
        near = max(abs(shift.down - vigil.moved_down), abs(shift.right - vigil.moved_right)) <= STEP
        moved = min(vigil.moved + 1, FRAMES) if vigil.moved and near else 1
        return vigil._replace(moved=moved, moved_down=shift.down, moved_right=shift.right, since_known=0)
    if vigil.moved >= FRAMES:  # something passes before a camera that was moved
        return vigil
    return vigil._replace(moved=0, since_known=min(vigil.since_known + 1, SUDDEN_FRAMES))


def is_moved(shift: Shift) -> bool:
    """Whether the usual view is at another place: by a tile at least."""
    return shift.match >= MOVED_ABOVE and max(abs(shift.down), abs(shift.right)) >= STEP


def is_usual(detail: Detail) -> bool:
    """Whether most of a reference's contrast is there; never where it has too few edges to say so."""
    return detail.clearest is not None and detail.clearest > USUAL_ABOVE and not suspicion(detail)

"""Somebody at the camera: covered, out of focus, or turned away, from one frame to the next and for several."""

from __future__ import annotations

from typing import NamedTuple

from selector.domain.quality.measure import Detail

FRAMES = 3
"""Suspicious frames in a row of which the last is called tampered."""

SUDDEN_FRAMES = 3
"""Somebody's hand takes no longer: dusk and fog come over more frames, through all that lies between."""

USUAL_ABOVE = -1.0
COVERED_BELOW = -1.0
"""Contrast in the strongest tiles, in factors of two: half of it is still as usual."""

NOTHING_SHARP = -0.9
NOTHING_SHARP_GRADIENT = -2.5
"""How much less the strongest AC bits are, wherever they lie, or contrast where those cannot be compared: a covered
lens has -1.25 or less, cuts from any view to another -.62 or more (three cameras of footage, five rendered ones)."""

STRANGE_BELOW = 0.5
"""The correlation of patterns under which a picture shows something else than the reference: fog to a transmission of
.4, defocus to 3 px, night and 3 exposure steps less stay at .69 or more (rendered scenes), other views below .4."""

COVERED_PATTERN = 0.35
DEFOCUSED_BELOW = -0.6
DEFOCUSED_VISIBILITY = -0.3
"""Focus and visibility in factors of two: out of focus beyond what wind or a lens's breathing does, edges with it, and
nothing as sharp as before anywhere."""

RELEARN_MS = 30 * 60_000
"""After this time of another view, with edges of its own, the references are learnt anew."""

GIVE_UP_MS = 24 * 3_600_000
"""After this time of nothing but rejected frames, too: whatever it is, it is what the camera has to show."""


class Vigil(NamedTuple):
    """`suspect` frames in a row; `since_usual` frames since one looked as usual; times since when another view was
    seen, and since when every frame was rejected against a reference, in ms of event time.
    """

    suspect: int = 0
    since_usual: int = 0
    strange_ms: int | None = None
    rejected_ms: int | None = None


def is_suspect(detail: Detail) -> bool:
    """Whether a picture beside one reference looks covered or out of focus."""
    if detail.clearest is None or detail.visibility is None:
        return False
    blank = detail.clearest <= NOTHING_SHARP_GRADIENT if detail.keenest is None else detail.keenest <= NOTHING_SHARP
    covered = blank and detail.clearest <= COVERED_BELOW and detail.pattern <= COVERED_PATTERN
    soft = detail.focus is not None and detail.focus <= DEFOCUSED_BELOW
    defocused = blank and soft and detail.visibility <= DEFOCUSED_VISIBILITY
    return covered or defocused


def is_usual(detail: Detail) -> bool:
    """Whether most of a reference's contrast is there; never where it has too few edges to say so."""
    return detail.clearest is not None and detail.clearest > USUAL_ABOVE and not is_suspect(detail)

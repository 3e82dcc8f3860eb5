"""What the quality rules remember of a camera, in its form in the state topic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selector.domain.quality.exposure import MODES
from selector.domain.quality.feed import Feed
from selector.domain.quality.inspect import Memory
from selector.domain.quality.reference import Reference, unpacked
from selector.domain.quality.tamper import Vigil
from winnow.events import DetailReference, QualityScalars


def changes(before: Memory | None, after: Memory) -> Iterator[DetailReference]:
    """References that are not as they were; one that was dropped is written without steps."""
    for mode in MODES:
        known = after.references.get(mode)
        if known is not (before.references.get(mode) if before is not None else None):
            yield _packed(mode, known) if known is not None else DetailReference(mode)


def scalars(memory: Memory) -> QualityScalars:
    return QualityScalars(*memory.feed, **memory.vigil._asdict())


def restored(scalars: QualityScalars | None, details: Mapping[str, DetailReference]) -> Memory:
    """Raises `ValueError` where a reference is not as it was written. None: written before there were any rules."""
    if scalars is None:
        return Memory()
    return Memory(
        references={mode: _unpacked(stored) for mode, stored in details.items() if stored.steps},
        feed=Feed(
            scalars.frames,
            scalars.cells,
            scalars.usual_changed,
            scalars.repeats,
            scalars.repeats_event_ms,
            scalars.repeats_broker_ms,
        ),
        vigil=Vigil(
            scalars.suspect,
            scalars.since_usual,
            scalars.strange_ms,
            scalars.rejected_ms,
            scalars.moved,
            scalars.moved_down,
            scalars.moved_right,
            scalars.since_known,
        ),
    )


def _packed(mode: str, reference: Reference) -> DetailReference:
    return DetailReference(
        mode,
        steps=reference.steps,
        began_ms=reference.began_ms,
        stepped_ms=reference.stepped_ms,
        width=reference.size[0],
        height=reference.size[1],
        tables=reference.tables,
        ac_steps=reference.ac_steps,
        luma=reference.luma,
        saturated=reference.saturated,
        focus=reference.focus,
        visibility=reference.visibility,
        grids=reference.packed(),
    )


def _unpacked(stored: DetailReference) -> Reference:
    gradient, ac_bits = unpacked(stored.grids)
    return Reference(
        steps=stored.steps,
        began_ms=stored.began_ms,
        stepped_ms=stored.stepped_ms,
        size=(stored.width, stored.height),
        tables=stored.tables,
        ac_steps=stored.ac_steps,
        luma=stored.luma,
        saturated=stored.saturated,
        focus=stored.focus,
        visibility=stored.visibility,
        gradient=gradient,
        ac_bits=ac_bits,
    )

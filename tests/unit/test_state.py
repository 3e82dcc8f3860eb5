"""The selector's state as the state topic has it: whole, or not taken."""

from __future__ import annotations

import pytest
from tests.support.pictures import picture

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.ring import Ring
from selector.domain.seen import CHUNK, CHUNKS, PLACES, SeenWindow
from selector.domain.signature import Signature
from selector.domain.state import CameraState, changes, restored
from winnow.events import SelectorState


def signature() -> Signature:
    found = extract(picture(0), ExtractionLimits())
    assert isinstance(found, Signature)
    return found


def camera_that_saw(count: int) -> CameraState:
    seen = SeenWindow()
    for number in range(count):
        seen = seen.add(f"id-{number}", number)
    return CameraState("yard", frames=count, seen=seen, ring=Ring().put("id-0", 0, signature()))


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, PLACES - 1, PLACES, PLACES + 1, 2 * PLACES + 40])
def test_whole_states_are_restored_and_none_with_a_chunk_missing(count: int) -> None:
    records = list(changes(None, camera_that_saw(count)))
    chunks = [record for record in records if record.seen is not None]
    assert len(chunks) == min(CHUNKS, -(-count // CHUNK))
    assert restored(records)[0]["yard"].seen.count == count
    for chunk in {0, len(chunks) // 2, len(chunks) - 1} if chunks else ():
        with pytest.raises(ValueError, match=rf"camera yard: .* chunks \[{chunks[chunk].seen.chunk}\] are missing"):
            restored(record for record in records if record is not chunks[chunk])


def test_a_chunk_from_before_is_not_taken_for_the_one_of_now() -> None:
    before, after = camera_that_saw(PLACES + CHUNK + 5), camera_that_saw(PLACES + CHUNK + 6)
    old = next(record for record in changes(None, before) if record.seen is not None and record.seen.chunk == 1)
    with pytest.raises(ValueError, match=r"chunks \[1\]"):
        restored([*changes(None, after), old])


@pytest.mark.parametrize("missing", ["scalars", "ring"])
def test_a_camera_without_its_scalars_or_its_ring_is_not_whole(missing: str) -> None:
    records = [record for record in changes(None, camera_that_saw(3)) if getattr(record, missing) is None]
    with pytest.raises(ValueError, match=r"camera yard: .*(scalars|slots)"):
        restored(records)


def test_the_last_record_of_a_key_counts() -> None:
    state, log = None, list[SelectorState]()
    seen = SeenWindow()
    for number in range(PLACES + 100):
        seen = seen.add(f"id-{number}", number)
        after = CameraState("yard", frames=number + 1, seen=seen)
        if number % 50 == 49 or number == PLACES + 99:
            log += changes(state, after)
            state = after
    again = restored(log)[0]["yard"].seen
    assert (again.count, again.chunks) == (seen.count, seen.chunks)

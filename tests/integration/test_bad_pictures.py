"""Bad pictures through the real services: one verdict each, the good ones beside them as if they were alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import pytest
from tests.support import bad_pictures as bad
from tests.support.pictures import frame, stream
from tests.support.settled import QUICK, settled
from tests.support.world import World

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.image_header import Unreadable
from winnow.events import Outcome, Verdict

pytestmark = pytest.mark.stack

LARGEST = 1_000_000
"""Bytes of a picture that a record takes without further ado."""


def test_each_of_two_hundred_bad_pictures_gets_one_verdict_and_the_balance_holds(world: World) -> None:
    for name in ("selector", "store", "ledger"):
        world.start(name, wait=False, **QUICK)
    images = [image for image, _ in bad.unreadable().values()] + [*bad.odd().values(), *bad.mutations(180)]
    spoiled = [frame("broken", i, image) for i, image in enumerate(images) if len(image) < LARGEST]
    assert len(spoiled) > 190
    good = [replace(one, frame_id=f"good-{i}") for i, one in enumerate(stream("broken", 40))] + stream("yard", 40)
    sent = [one for group in zip_longest(spoiled, good[::2], good[1::2]) for one in group if one is not None]
    for service in world.services:
        service.wait_ready()
    world.publish(sent)

    balance = settled(world, len(sent))
    verdicts = {v.frame_id: v for v in world.events(world.names.verdicts, Verdict)}
    assert len(verdicts) == len(sent) == balance.verdicts
    for one in sent:
        assert isinstance(one.image, bytes) and one.frame_id is not None
        verdict, found = verdicts[one.frame_id], extract(one.image, ExtractionLimits())
        assert verdict.camera_id == one.camera_id
        if isinstance(found, Unreadable):
            assert (verdict.outcome, verdict.reason) == (Outcome.UNREADABLE, "undecodable")
            assert verdict.detail == found.reason
        else:
            assert verdict.outcome in (Outcome.KEPT, Outcome.REJECTED)
            assert verdict.signature == found.to_bytes()
    assert balance.unreadable == sum(v.outcome is Outcome.UNREADABLE for v in verdicts.values()) > 50
    letters = world.records(world.names.dead_letters(world.names.frames, "selector"))
    assert len(letters) == balance.unreadable

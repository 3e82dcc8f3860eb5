"""Bad pictures through the real services: one verdict each, the good ones beside them as if they were alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import psutil
import pytest
from tests.support import bad_pictures as bad
from tests.support.pictures import frame, stream
from tests.support.settled import QUICK, settled
from tests.support.world import World

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.image_header import Unreadable
from winnow.events import Outcome, SelectedFrame, Verdict

pytestmark = pytest.mark.stack

LARGEST = 1_000_000
"""Bytes of a picture that a record takes without further ado."""


SELECTOR_MB = 700.0
"""Of 2**20 bytes, resident, at the most, also after a thousand bad pictures."""


def test_each_of_a_thousand_bad_pictures_gets_one_verdict_and_the_balance_holds(world: World) -> None:
    for name in ("selector", "store", "ledger"):
        world.start(name, wait=False, anew=True, **QUICK)
    images = [image for image, _ in bad.unreadable().values()] + [*bad.odd().values(), *bad.mutations(1000)]
    spoiled = [frame("broken", i, image) for i, image in enumerate(images) if len(image) < LARGEST]
    assert len(spoiled) > 1010
    good = [replace(one, frame_id=f"good-{i}") for i, one in enumerate(stream("broken", 40))] + stream("yard", 40)
    sent = [one for group in zip_longest(spoiled, good[::2], good[1::2]) for one in group if one is not None]
    for service in world.services:
        service.wait_ready()
    world.publish(sent)

    balance = settled(world, len(sent))
    assert psutil.Process(world.services[0].process.pid).memory_info().rss / 2**20 < SELECTOR_MB
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

    # Each the first of its camera, and behind it the same picture in its plain form.
    rare = [("progressive", "slow"), ("EXIF, turned", "turned")]
    forms = [frame(camera, n, bad.good_jpegs()[f]) for form, camera in rare for n, f in enumerate((form, "baseline"))]
    world.publish(forms)
    settled(world, len(sent) + len(forms))
    found = {v.frame_id: v for v in world.events(world.names.verdicts, Verdict)}
    kept = {one.frame_id: one.image for one in world.events(world.names.selected, SelectedFrame)}
    for first, behind in zip(forms[::2], forms[1::2], strict=True):
        assert found[first.frame_id].outcome is Outcome.KEPT
        assert kept[first.frame_id] == first.image, "as it came"
        assert found[behind.frame_id].outcome in (Outcome.KEPT, Outcome.REJECTED)

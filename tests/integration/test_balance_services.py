"""Selector, store and ledger as processes: whatever is killed or stopped, the balance holds in the end."""

import random
import time

import pytest
from tests.support.books import rows
from tests.support.pictures import stream
from tests.support.world import eventually

from ledger.adapters.evidence import balance
from ledger.settings import ReaderSettings
from winnow.events import StoredImage

pytestmark = pytest.mark.stack

QUICK = {"WINNOW_LEDGER_LINGER_S": "0.3", "WINNOW_LEDGER_BATCH_MAX": "7", "WINNOW_STORE_BATCH_MAX": "3"}


def settled(world, frames):
    """The balance once everything has arrived."""

    def ask():
        found = balance(world.settings(ReaderSettings))
        assert found.balanced, found.problems  # at every moment: what is under way is pending, never lost
        quiet = found.frames == frames and not (found.pending or found.in_flight or found.unjudged)
        return found if quiet else None

    return eventually(ask, timeout_s=90, what="everything judged, stored and in the ledger", every_s=0.5)


def assert_exactly_once(world, found):
    assert found.balanced, found.problems
    assert found.problems == ()
    assert rows(world, "SELECT sum(rows) AS n FROM ledger_files")[0]["n"] == found.frames
    totals = rows(world, "SELECT sum(value::int) AS n FROM camera_status, jsonb_each_text(counts)")
    assert totals[0]["n"] == found.frames
    newest = {r.key.decode(): world.codec.decode(StoredImage, r.value) for r in world.records(world.names.images)}
    assert sum(len(image.frames) for image in newest.values()) == found.stored


def test_killed_at_random_the_store_and_the_ledger_go_on_and_count_each_frame_once(world):
    world.start("selector")
    services = {name: world.start(name, wait=False, **QUICK) for name in ("store", "ledger")}
    chance = random.Random(5)
    cameras = [stream(f"camera-{n}", 40) for n in range(3)]
    for step in range(8):
        world.publish([frame for frames in cameras for frame in frames[step * 5 : step * 5 + 5]])
        time.sleep(chance.uniform(0.1, 0.8))
        name = ("store", "ledger")[step % 2]
        services[name].kill()
        services[name] = world.start(name, instance=f"{name}-{step}", wait=False, **QUICK)
        moment = balance(world.settings(ReaderSettings))
        assert moment.balanced, moment.problems
    assert_exactly_once(world, settled(world, 120))


def test_stopped_past_the_session_they_wake_up_to_no_harm(world):
    world.start("selector")
    sleepers = [world.start(name, **QUICK) for name in ("store", "ledger")]
    cameras = [stream(f"camera-{n}", 30) for n in range(3)]
    world.publish([frame for frames in cameras for frame in frames[:15]])
    time.sleep(0.4)
    for sleeper in sleepers:
        sleeper.pause()
    for name in ("store", "ledger"):
        world.start(name, instance=f"{name}-1", **QUICK)
    world.publish([frame for frames in cameras for frame in frames[15:]])
    settled(world, 90)  # only by those that took over
    for sleeper in sleepers:
        sleeper.resume()
        sleeper.wait_ready()
    assert_exactly_once(world, settled(world, 90))

"""Overload on the real broker: lag, reduced effort, and back."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from tests.support.pictures import frame, picture, stream
from tests.support.world import POLICY, eventually

from winnow.clock import now
from winnow.events import Outcome, Verdict

pytestmark = pytest.mark.stack

LIMIT_S = 1.0


def verdicts(world, count):
    found = eventually(
        lambda: (v := world.events(world.names.verdicts, Verdict)) and len(v) >= count and v, what=f"{count} verdicts"
    )
    assert len(found) == count == len({v.source for v in found})
    return found


def until_old(world):
    """Waits until every frame that is there is older than the limit."""
    newest = max(record.timestamp for record in world.records(world.names.frames))
    eventually(lambda: (now() - newest).total_seconds() > LIMIT_S, what="lag")


def test_lag_reduces_effort_where_the_policy_says_so_and_ends_by_itself(world):
    world.set_policy(replace(POLICY, overload=True, overload_after_s=LIMIT_S), key="camera/yard")
    selector = world.start("selector")
    world.publish([*stream("yard", 20), *stream("gate", 20)])
    before = verdicts(world, 40)
    assert {v.effort for v in before} == {"full"}
    assert selector.metric("winnow_reduced_effort_cameras ") == 0

    selector.pause()
    world.publish([*stream("yard", 60)[20:], *stream("gate", 60)[20:]])
    until_old(world)
    selector.resume()
    found = verdicts(world, 120)
    behind = [v for v in found if v.camera_id == "yard" and v.source.offset >= 20]
    assert {v.effort for v in behind} == {"reduced"}
    assert {v.effort for v in found if v.camera_id == "gate"} == {"full"}, "its policy has no overload"
    undecoded = [v for v in behind if v.signature is None]
    assert {(v.outcome, v.reason) for v in undecoded} == {(Outcome.REJECTED, "overload")}
    assert 10 < len(undecoded) < 40
    assert any(v.outcome is Outcome.KEPT and "control" in v.flags for v in behind)
    assert selector.metric("winnow_reduced_effort_cameras ") == 1
    assert selector.metric('winnow_verdicts_total{outcome="rejected",reason="overload"') == len(undecoded)

    for index in itertools.count(60):
        world.publish([frame("yard", index, picture(index))])
        last = max((v for v in verdicts(world, 61 + index) if v.camera_id == "yard"), key=lambda v: v.source.offset)
        if last.effort == "full":
            break
    assert last.signature is not None
    assert selector.metric("winnow_reduced_effort_cameras ") == 0


def test_killed_under_lag_no_verdict_changes_and_none_is_missing(world):
    world.set_policy(replace(POLICY, overload=True, overload_after_s=LIMIT_S))
    world.publish([*stream("yard", 200), *stream("gate", 200)])
    until_old(world)
    first = world.start("selector", wait=False, WINNOW_BATCH_MAX="4")
    before = eventually(lambda: world.events(world.names.verdicts, Verdict), what="verdicts")
    first.kill()
    world.start("selector")
    found = {v.source: v for v in verdicts(world, 400)}
    assert all(found[v.source] == v for v in before)
    efforts = Counter(v.effort for v in found.values())
    assert efforts["reduced"] > 300 and efforts.total() == 400

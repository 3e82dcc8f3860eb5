"""Services and the broker are killed and stopped at random points; the balance holds and the verdicts stay the same."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.pictures import recent, stream
from tests.support.world import Service, World, eventually

from ledger.adapters.evidence import balance
from ledger.settings import ReaderSettings
from winnow.clock import EPOCH
from winnow.errors import DependencyDown
from winnow.events import Frame, Outcome, SelectorState, Source, Verdict
from winnow_cli.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.chaos]

SERVICES = ("selector", "store", "ledger")
CAMERAS, FRAMES_EACH = 6, 150
KILLS = 10
EARLY = 5
"""So many of the kills come while the services start; the others when each has done something new, which is after its
dead predecessor's session at the earliest."""

SEED = int(os.environ.get("WINNOW_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
QUICK = {"WINNOW_LEDGER_LINGER_S": "0.3"}


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """All cameras' frames in the order of their time, with a few sent twice."""
    streams = [stream(f"camera-{c}", FRAMES_EACH, begin=recent()) for c in range(CAMERAS)]
    flat = [frame for moment in zip(*streams, strict=True) for frame in moment]
    return flat + flat[-60:]


@pytest.fixture(scope="module")
def undisturbed(stack: Stack, tmp_path_factory: pytest.TempPathFactory, frames: list[Frame]) -> Iterator[World]:
    """A world in which one selector judged the same frames in peace."""
    world = World(stack, f"peace{SEED}", tmp_path_factory.mktemp("peace"))
    world.prepare()
    world.start("selector")
    world.publish(frames)
    eventually(lambda: len(world.records(world.names.verdicts)) == len(frames), what="verdicts of the undisturbed run")
    yield world
    world.close()


def comparable(verdicts: list[Verdict]) -> dict[tuple[str | None, str | None, str], list[Verdict]]:
    """Verdicts by frame, without what a run's own clock and offsets put into them."""
    found: dict[tuple[str | None, str | None, str], list[Verdict]] = {}
    for v in verdicts:
        plain = replace(v, source=Source("", 0, 0), broker_time=EPOCH, decided_at=EPOCH)
        found.setdefault((v.camera_id, v.frame_id, v.outcome.value), []).append(plain)
    return found


def state(world: World) -> dict[tuple[int, str], SelectorState]:
    """The last record of each key of the cameras' state."""
    latest = {}
    for record in world.records(world.names.state):
        found = world.codec.decode(SelectorState, record.value)
        if found.camera_id is not None:
            latest[record.partition, found.key] = found
    return latest


def settled(world: World):
    """The balance once nothing is on its way."""

    def ask():
        with_world = world.settings(ReaderSettings)
        try:
            found = balance(with_world)
        except DependencyDown:  # of servers that were killed and are not quite back
            return None
        return found if not (found.unjudged or found.pending or found.in_flight) else None

    return eventually(ask, timeout_s=120, what="a settled balance", every_s=0.5)


def assert_as_if_nothing_had_happened(world: World, undisturbed: World, frames: list[Frame]) -> None:
    found = settled(world)
    assert (found.balanced, found.problems) == (True, ()), f"seed {SEED}"
    assert (found.frames, found.verdicts, found.lost, found.doubled) == (len(frames), len(frames), 0, 0), f"seed {SEED}"
    assert found.stored == found.kept > 0
    verdicts = world.events(world.names.verdicts, Verdict)
    sources = [(v.source.partition, v.source.offset) for v in verdicts]
    assert len(sources) == len(set(sources)) == len(frames), f"seed {SEED}"
    expected = comparable(undisturbed.events(undisturbed.names.verdicts, Verdict))
    assert comparable(verdicts) == expected, f"seed {SEED}"
    assert any(v.outcome is Outcome.REDELIVERED for v in verdicts)
    assert state(world) == state(undisturbed), f"seed {SEED}"


def at_work(service: Service) -> bool:
    """Whether this process has handled records since it began."""
    return service.metric("winnow_records_total") > 0


def in_pieces(frames: list[Frame], pieces: int) -> list[list[Frame]]:
    size = -(-len(frames) // pieces)
    return [frames[i : i + size] for i in range(0, len(frames), size)]


def test_every_service_killed_at_ten_random_points(world: World, undisturbed: World, frames: list[Frame]) -> None:
    chance = random.Random(SEED)
    running = {name: world.start(name, wait=False, **QUICK) for name in SERVICES}
    early = chance.sample(range(KILLS), EARLY)
    for number, piece in enumerate(in_pieces(frames, KILLS)):
        first, rest = in_pieces(piece, 2)
        world.publish(first)
        if number not in early:
            eventually(lambda: all(at_work(service) for service in running.values()), what=f"work, seed {SEED}")
        world.publish(rest)
        victims = list(SERVICES)
        chance.shuffle(victims)
        for name in victims:
            time.sleep(chance.uniform(0.0, 1.5 if number in early else 0.2))
            running[name].kill()
            running[name] = world.start(name, wait=False, **QUICK)
    assert_as_if_nothing_had_happened(world, undisturbed, frames)


def test_every_service_stopped_past_its_session_while_another_takes_over(
    world: World, undisturbed: World, frames: list[Frame]
) -> None:
    chance = random.Random(SEED)
    first = [world.start(name, **QUICK) for name in SERVICES]
    before, during, after = in_pieces(frames, 3)
    world.publish(before[: len(before) // 2])
    time.sleep(chance.uniform(0.1, 1.0))
    world.publish(before[len(before) // 2 :])
    for service in first:
        time.sleep(chance.uniform(0.0, 0.05))
        service.pause()
    for name in SERVICES:
        world.start(name, instance=f"{name}-1", wait=False, **QUICK)
    world.publish(during)
    seen = len(before) + len(during)
    eventually(lambda: len(world.records(world.names.verdicts)) == seen, timeout_s=90, what="verdicts by the second")
    for service in first:
        service.resume()
    world.publish(after)
    assert_as_if_nothing_had_happened(world, undisturbed, frames)
    assert all(service.process.poll() in (None, 0, 1) for service in first)


def test_the_broker_killed_and_gone_for_ten_seconds(
    world: World, stack: Stack, undisturbed: World, frames: list[Frame]
) -> None:
    running = [world.start(name, **QUICK) for name in SERVICES]
    first, second = in_pieces(frames, 2)
    world.publish(first)
    os.kill(stack.pid("kafka"), signal.SIGKILL)
    stack.stop("kafka")
    time.sleep(10)  # the length of the outage, not a wait for something
    stack.start_process("kafka")
    world.publish(second)
    assert_as_if_nothing_had_happened(world, undisturbed, frames)
    assert [service.process.poll() for service in running] == [None, None, None], "everything goes on by itself"

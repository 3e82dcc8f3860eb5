"""Uploads while servers are away and while ingest is killed: what was acknowledged is judged, once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from tests.support.door import Door as WayTo
from tests.support.pictures import picture
from tests.support.uploads import Door, archive, open_door
from tests.support.world import World, eventually

from winnow.events import Frame, ImageRef, Outcome, Verdict

pytestmark = pytest.mark.stack

OUTAGE_S = 60.0
CLIENTS, PAUSE_S = 4, 0.25


@contextmanager
def away(world: World, server: str) -> Iterator[None]:
    world.stack.stop(server)
    try:
        yield
    finally:
        world.stack.start_process(server)


def numbered(number: int) -> bytes:
    """Small pictures of which no two have the same bytes."""
    return PICTURE + number.to_bytes(8, "big")


PICTURE = picture(1)


class Uploaders:
    """Cameras that send one picture after the other, each again until it is acknowledged."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.acknowledged: dict[str, str] = {}
        self.answers: Counter[int] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[n], daemon=True) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self, first: int) -> None:
        number = first
        while not self._stop.is_set():
            try:
                answer = self.door.send(numbered(number), query=f"?sequence={number}")
            except OSError:
                self.answers[0] += 1
            else:
                self.answers[answer.status] += 1
                if answer.status in (201, 202):
                    self.acknowledged[answer.frame["frame_id"]] = answer.frame["status"]
                    number += CLIENTS
            self._stop.wait(PAUSE_S)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_broker_that_is_away_for_a_minute_and_kills_lose_nothing_that_was_acknowledged(world: World) -> None:
    door = open_door(world)
    world.start("selector")
    chance = random.Random(3)
    uploaders = Uploaders(door)
    eventually(lambda: len(uploaders.acknowledged) > 20, what="uploads")
    began_s = time.monotonic()
    with away(world, "kafka"):
        for _ in range(3):
            time.sleep(chance.uniform(0.2, 0.3) * OUTAGE_S)
            door.service.kill()
            again = open_door(world, WINNOW_INGEST_UPLOAD_PORT=str(door.port))
            door.service = again.service
        time.sleep(max(0.0, OUTAGE_S - (time.monotonic() - began_s)))
        spooled = door.service.metric("winnow_spool_frames")
        assert spooled > 100
    eventually(lambda: door.service.metric("winnow_spool_frames") < spooled, what="it is being emptied")
    door.service.kill()
    door.service = open_door(world, WINNOW_INGEST_UPLOAD_PORT=str(door.port)).service
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    sent = len(uploaders.acknowledged)
    eventually(lambda: len(uploaders.acknowledged) > sent + 10, what="uploads go on")
    door.service.kill()
    uploaders.stop()
    rest = open_door(world)
    eventually(lambda: rest.service.metric("winnow_spool_frames") == 0, what="the last of the spool")
    acknowledged = uploaders.acknowledged
    assert uploaders.answers[202] > 100, uploaders.answers
    assert set(uploaders.answers) <= {0, 201, 202}, uploaders.answers

    def judged() -> Counter[str]:
        verdicts = world.events(world.names.verdicts, Verdict)
        return Counter(v.frame_id or "" for v in verdicts if v.outcome is not Outcome.REDELIVERED)

    eventually(lambda: set(acknowledged) <= set(judged()), what="a verdict for each")
    assert set(judged().values()) == {1}, "one that is no repetition"
    frames = world.events(world.names.frames, Frame)
    assert len({f.frame_id for f in frames}) == len({f.image for f in frames}), "never two ids for a picture"
    print(uploaders.answers, len(frames), "frames", len(acknowledged), "acknowledged")


def test_while_the_broker_is_away_a_full_spool_refuses_with_a_reason(world: World) -> None:
    door = open_door(world, WINNOW_INGEST_SPOOL_MAX_BYTES="100000")
    assert door.send(numbered(0)).status == 201
    with away(world, "kafka"):
        answers = [door.send(numbered(n)) for n in range(1, 12)]
        taken = [a for a in answers if a.status == 202]
        refused = [a for a in answers if a.status != 202]
        assert 1 < len(taken) < 11
        assert {a.status for a in refused} == {503}
        assert refused[0].headers["retry-after"] == "5"
        assert refused[0].body["reason"] == "no_room"
        assert "of 100,000 bytes taken" in refused[0].body["detail"]
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    assert door.send(numbered(20)).status == 201
    frames = world.events(world.names.frames, Frame)
    assert list(dict.fromkeys(f.frame_id for f in frames)) == [
        a.frame["frame_id"] for a in [door.send(numbered(0)), *taken, door.send(numbered(20))]
    ], "in the order of their coming"


@pytest.mark.parametrize("server", ["registry", "kafka"])
def test_a_server_that_is_away_when_it_starts_is_not_waited_for(world: World, server: str) -> None:
    with away(world, server):
        door = open_door(world)
        assert door.send(numbered(1)).status == 202
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    assert len(world.events(world.names.frames, Frame)) == 1
    assert door.send(numbered(2)).status == 201


def test_an_answer_of_the_broker_that_does_not_come_is_not_waited_for(world: World) -> None:
    """The record is on its way, and may be published after all: then twice, as one frame."""
    door = open_door(world)
    assert door.send(numbered(1)).status == 201
    pid = world.stack.pid("kafka")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        sent = door.send(numbered(2))
        assert sent.status == 202
        assert door.send(numbered(3)).status == 202
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    frames = world.events(world.names.frames, Frame)
    assert list(dict.fromkeys(f.image for f in frames)) == [numbered(1), numbered(2), numbered(3)]
    assert len({f.frame_id for f in frames}) == 3


def test_without_the_object_storage_large_images_wait_and_small_ones_do_not(world: World) -> None:
    door = open_door(world)
    large = b"\xff\xd8\xff" + np.random.default_rng(1).bytes(1_000_000)
    with away(world, "objects"):
        assert door.send(large).status == 202
        other = open_door(world, instance="other")
        assert other.send(numbered(1)).status == 201
        assert door.send(numbered(2)).status == 202, "behind the large one of its camera"
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    frames = world.events(world.names.frames, Frame)
    assert [isinstance(f.image, ImageRef) for f in frames] == [False, True, False]


LARGE = b"\xff\xd8\xff" + np.random.default_rng(1).bytes(1_000_000)


def test_a_full_disk_refuses_what_would_need_it_and_takes_it_when_there_is_room(world: World) -> None:
    door = open_door(world)
    bodies = [
        (numbered(1) + bytes(100_000), "image/jpeg"),
        (LARGE, "image/jpeg"),
        (archive(("1.jpg", numbered(2)), ("2.jpg", LARGE)), "application/zip"),
    ]

    def answers(statuses: list[int]) -> None:
        for (body, kind), status in zip(bodies, statuses, strict=True):
            answer = door.send(body, kind)
            assert answer.status == status, answer
            if status == 503:
                assert (answer.body["reason"], answer.body["taken"]) == ("no_room", [])
                assert "File too large" in answer.body["detail"]
                assert answer.headers["retry-after"] == "5"

    door.fill_disk(100_000)
    answers([201, 503, 503])  # a small one needs no disk while the broker is there
    with away(world, "kafka"):
        answers([503, 503, 503])
        assert door.service.metric("winnow_spool_frames") == 0
        door.free_disk()
        answers([202, 202, 202])
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="the spool is empty again")
    ids = [f.frame_id for f in world.events(world.names.frames, Frame)]
    assert (len(ids), len(set(ids))) == (1 + 4, 3)


def test_a_zip_whose_tenth_file_fails_is_answered_for_each_file_and_sent_again_each_is_judged_once(
    world: World,
) -> None:
    """The tenth is large. While the object storage refuses it the disk becomes full: it has no place to go."""
    storage = WayTo(world.objects.s3_endpoint)
    door = open_door(world, WINNOW_S3_ENDPOINT=storage.url)
    world.start("selector")
    files = [(f"{n}.jpg", LARGE if n == 10 else numbered(n)) for n in range(1, 21)]
    storage.fail(503, first=lambda: door.fill_disk(900_000))
    cut = door.send(archive(*files), "application/zip")
    assert (cut.status, cut.body["reason"]) == (503, "partly_taken")
    assert cut.headers["retry-after"] == "5"
    taken = {file["name"]: file["frame_id"] for file in cut.body["taken"]}
    failed = {file["name"]: file["reason"] for file in cut.body["files"]}
    assert [*taken][:9] == [f"{n}.jpg" for n in range(1, 10)]
    assert failed["10.jpg"] == "no_room"
    assert len(taken) + len(failed) == 20 and not taken.keys() & failed.keys()
    assert f"{len(failed)} of 20 files were not taken: the spool cannot be written" in cut.body["detail"]
    eventually(lambda: door.service.metric("winnow_spool_frames") == 0, what="what was taken is sent")
    assert [f.frame_id for f in world.events(world.names.frames, Frame)] == [*taken.values()], "those, and no others"

    door.free_disk()
    again = door.send(archive(*files), "application/zip")
    assert again.status == 201
    ids = {file["name"]: file["frame_id"] for file in again.body["frames"]}
    assert [*ids] == [name for name, _ in files]
    assert taken.items() <= ids.items()
    storage.shut()

    def verdicts() -> list[Verdict]:
        found = world.events(world.names.verdicts, Verdict)
        return found if len(found) == len(taken) + 20 else []

    found = eventually(verdicts, what="a verdict for each record")
    judged = Counter(v.frame_id or "" for v in found if v.outcome is not Outcome.REDELIVERED)
    assert judged == Counter(dict.fromkeys(ids.values(), 1))

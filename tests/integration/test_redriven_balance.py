"""What the store could not take, mended and put back: the balance holds before, meanwhile and after."""

import hashlib
import json
from dataclasses import replace

import pytest
from tests.integration.test_balance import FRAMES, KEPT, Run
from tests.support.books import delete_records, selected
from tests.support.pictures import frame, picture
from tests.support.settled import settled
from tests.support.world import environment, eventually
from typer.testing import CliRunner

from ledger.adapters.evidence import balance
from ledger.settings import ReaderSettings
from winnow.events import ImageRef, Outcome, SelectedFrame, Source, Verdict
from winnow.kafka.producer import Publisher
from winnow.objects import Objects
from winnow_cli.commands import dlq

pytestmark = pytest.mark.stack

QUICK = {"WINNOW_LEDGER_LINGER_S": "0.2", "WINNOW_STORE_LINGER_S": "0.05"}


def quiet(world, frames):
    """The balance, which holds at every moment, once everything is judged and nothing is in flight."""

    def ask():
        found = balance(world.settings(ReaderSettings))
        assert found.balanced, found.problems
        return found if found.frames == frames and not (found.unjudged or found.in_flight) else None

    return eventually(ask, what=f"{frames} frames judged, and none in flight")


def redrive(world, *chosen):
    with environment(world.env):
        result = CliRunner().invoke(dlq.app, ["redrive", *chosen])
    assert result.exit_code == 0, result.output
    return result.output


def spoiled(world):
    """The selected records anew, one of them with a reference to an object that is not there; that image's bytes."""
    records = world.records(world.names.selected)
    publisher = Publisher(world.kafka, client_id="spoiled")
    frames = [world.codec.decode(SelectedFrame, record.value) for record in records]
    image = frames[0].image
    digest = hashlib.sha256(image).hexdigest()
    missing = ImageRef(world.objects.s3_bucket, "staging/late", len(image), digest)
    for record, one in zip(records, [replace(frames[0], image=missing), *frames[1:]], strict=True):
        value = world.codec.encode(record.topic, one)
        publisher.publish(record.topic, record.key, value, headers=list(record.headers), partition=record.partition)
    publisher.flush()
    for partition in {record.partition for record in records}:
        ours = [record.offset for record in records if record.partition == partition]
        delete_records(world, world.names.selected, max(ours) + 1, partition)
    return image


def test_a_frame_that_the_store_could_not_take_is_stored_once_it_is_mended(world):
    for name in ("selector", "ledger"):
        world.start(name, wait=False, **QUICK)
    world.publish([frame(f"camera-{n}", i, picture(i, n + 1)) for n in range(2) for i in range(3)])
    eventually(lambda: len(world.events(world.names.verdicts, Verdict)) == 6, what="verdicts")
    image = spoiled(world)
    world.start("store", wait=False, **QUICK)
    found = quiet(world, 6)
    assert (found.dead_letters, found.stored) == (1, found.kept - 1)

    redrive(world)  # not mended yet: it fails again
    letters = world.names.dead_letters(world.names.selected, "store")
    eventually(lambda: len(world.records(letters)) == 3, what="letter, mark, letter")
    assert quiet(world, 6).dead_letters == 1

    Objects(world.objects).put("staging/late", image, "image/jpeg")
    redrive(world)

    found = quiet(world, 6)
    assert found.stored == found.kept
    assert (found.dead_letters, found.problems) == (0, ())
    assert "before" in redrive(world)
    assert balance(world.settings(ReaderSettings)) == found


def test_a_letter_that_was_put_back_excuses_no_loss(world):
    run = Run(world)
    run.judged(*range(FRAMES))
    run.finish(select=KEPT[:2])
    run.selector.select(selected(Source(world.names.frames, 0, KEPT[2]), b"no image"))
    run.store()
    assert run.balance().dead_letters == 1
    redrive(world)
    found = run.balance()
    assert (found.balanced, found.dead_letters, found.in_flight) == (True, 0, 1)
    delete_records(world, world.names.selected, 4)
    found = run.balance()
    assert (found.balanced, found.dead_letters, found.in_flight, found.missing) == (False, 0, 0, 1)


def test_an_unreadable_frame_that_is_put_back_is_a_new_frame_with_a_new_verdict(world):
    world.start("selector", wait=False)
    publisher = Publisher(world.kafka, client_id="test")
    publisher.publish(world.names.frames, "yard", b"not avro")
    publisher.flush()
    eventually(lambda: len(world.events(world.names.verdicts, Verdict)) == 1, what="a verdict")
    redrive(world)
    found = quiet(world, 2)
    assert (found.unreadable, found.verdicts, found.doubled) == (2, 2, 0)
    first, second = world.events(world.names.verdicts, Verdict)
    assert first.source.partition == second.source.partition and first.source.offset < second.source.offset


def test_a_frame_whose_image_was_missing_is_kept_once_when_it_is_put_back(world):
    for name in ("selector", "store", "ledger"):
        world.start(name, wait=False, **QUICK)
    image = picture(1, 3)
    missing = ImageRef(world.objects.s3_bucket, "staging/late", len(image), hashlib.sha256(image).hexdigest())
    publisher = Publisher(world.kafka, client_id="test")
    publisher.publish(world.names.frames, "yard", b"not avro")
    publisher.flush()
    world.publish([frame("yard", 0, missing)])
    assert quiet(world, 2).unreadable == 2

    Objects(world.objects).put("staging/late", image, "image/jpeg")
    chosen = ["--service", "selector", "--error", "no such object", "--since", "1h", "--json"]
    put_back = json.loads(redrive(world, *chosen).splitlines()[-1])
    assert (put_back["redriven"], put_back["before"]) == (1, 0)
    found = settled(world, 3)
    assert (found.kept, found.stored, found.unreadable, found.redelivered) == (1, 1, 2, 0)
    (kept,) = [v for v in world.events(world.names.verdicts, Verdict) if v.outcome is Outcome.KEPT]
    assert kept.frame_id == "yard-0"

    again = json.loads(redrive(world, *chosen).splitlines()[-1])
    assert (again["redriven"], again["before"]) == (0, 1)
    assert balance(world.settings(ReaderSettings)) == found

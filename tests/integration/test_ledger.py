"""The ledger's handler on the real broker, database and object storage."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support import books
from tests.support.books import AT, Selector, batch, delete_records, rows, verdict
from tests.support.world import eventually

import ledger.app
from ledger.adapters import rows as tables
from ledger.adapters.status import cameras
from ledger.settings import ReaderSettings
from winnow.db import Database
from winnow.errors import DependencyDown, Refused
from winnow.events import Outcome
from winnow.objects import Objects

pytestmark = pytest.mark.stack


@pytest.fixture
def handler(world):
    with ledger.app.handler(world.settings(ReaderSettings)) as made:
        yield made


@pytest.fixture
def selector(world):
    return Selector(world)


def verdicts(world, *offsets, **fields):
    return [verdict(world.names.frames, offset, **fields) for offset in offsets]


def tables_of(world):
    return {
        name: rows(world, f"SELECT * FROM {name} ORDER BY 1, 2, 3")
        for name in ("ledger_files", "ledger_positions", "ledger_gaps", "ledger_inputs", "camera_status")
    }


def keys(world):
    return [row["key"] for row in rows(world, "SELECT key FROM ledger_files ORDER BY key")]


def gaps(world):
    return [
        (row["first_offset"], row["last_offset"], row["kind"])
        for row in rows(world, "SELECT * FROM ledger_gaps ORDER BY first_offset")
    ]


def test_verdicts_become_files_by_the_hour_and_a_status(world, handler, selector):
    selector.frames(0, 5)
    late = [replace(v, broker_time=v.broker_time + timedelta(hours=1)) for v in verdicts(world, 3, 4)]
    selector.judge(*verdicts(world, 0, 1, 2), *late)
    handler.handle(batch(world, world.names.verdicts))
    assert keys(world) == [
        "ledger/day=2026-03-01/hour=12/0-0-2.parquet",
        "ledger/day=2026-03-01/hour=13/0-3-4.parquet",
    ]
    sizes = Objects(world.objects).sizes("ledger/")
    assert sizes == {row["key"]: row["size_bytes"] for row in rows(world, "SELECT * FROM ledger_files")}
    assert handler.positions([(world.names.verdicts, p) for p in range(4)]) == {(world.names.verdicts, 0): 5}
    (status,) = cameras(world.database)
    assert status.outcome_counts() == {"kept": 5}
    assert status.last_broker_time == late[-1].broker_time
    assert gaps(world) == []


def test_the_same_batch_again_changes_nothing(world, handler, selector):
    selector.frames(0, 6)
    selector.judge(*verdicts(world, 0, 1, 2, 3))
    selector.state(start=0, cursor=4)
    records = batch(world, world.names.verdicts) + batch(world, world.names.state)
    handler.handle(records)
    before, objects = tables_of(world), Objects(world.objects).sizes("ledger/")
    handler.handle(records)
    assert (tables_of(world), Objects(world.objects).sizes("ledger/")) == (before, objects)


def test_a_member_that_slept_adds_only_what_is_missing(world, handler, selector):
    """It reads verdicts 0 to 3 and sleeps before its transaction; another writes 0 to 1; then it wakes."""
    selector.frames(0, 4)
    selector.judge(*verdicts(world, 0, 1, 2, 3))
    records = batch(world, world.names.verdicts)
    with ledger.app.handler(world.settings(ReaderSettings)) as other:
        write, written = handler._write, []

        def slept_after_the_file(same_hour):
            file = write(same_hour)
            if not written:
                written.append(file)
                other.handle(records[:2])
            return file

        handler._write = slept_after_the_file
        handler.handle(records)
    assert keys(world) == [f"ledger/day=2026-03-01/hour=12/0-{r}.parquet" for r in ("0-1", "2-3")]
    assert "ledger/day=2026-03-01/hour=12/0-0-3.parquet" in Objects(world.objects).sizes("ledger/")
    (camera,) = tables_of(world)["camera_status"]
    assert camera["counts"] == '{"kept/novel": 4}'
    assert rows(world, "SELECT sum(rows) AS n FROM ledger_files")[0]["n"] == 4


def test_a_member_that_slept_through_all_of_its_batch_writes_nothing(world, handler, selector):
    selector.frames(0, 4)
    selector.judge(*verdicts(world, 0, 1, 2, 3))
    records = batch(world, world.names.verdicts)
    with ledger.app.handler(world.settings(ReaderSettings)) as other:
        other.handle(records)
    before = tables_of(world)
    handler.handle(records[:3])
    assert tables_of(world) == before


def test_a_file_that_a_killed_member_left_is_taken_over_and_never_overwritten(world, handler, selector):
    selector.frames(0, 2)
    selector.judge(*verdicts(world, 0, 1))
    records = batch(world, world.names.verdicts)
    decoded, _ = handler._decoded(records)
    left = handler._write(decoded)
    handler.handle(records)
    assert keys(world) == [left.key]


def test_a_file_with_other_rows_stops_the_ledger(world, handler, selector):
    selector.frames(0, 2)
    selector.judge(*verdicts(world, 0, 1))
    key = "ledger/day=2026-03-01/hour=12/0-0-1.parquet"
    Objects(world.objects).put(key, b"something else", "application/octet-stream")
    with pytest.raises(Refused, match="Nothing was overwritten"):
        handler.handle(batch(world, world.names.verdicts))
    assert Objects(world.objects).get(key) == b"something else"
    assert keys(world) == []


def test_a_jump_over_a_frame_is_lost_and_over_a_marker_is_not(world, handler, selector):
    selector.frames(0, 3)
    transaction(world, 2)  # offsets 3 and 4, its marker at 5
    selector.frames(6, 2)
    selector.state(start=0)
    handler.handle(batch(world, world.names.state))
    selector.judge(*verdicts(world, 1, 2, 3, 4, 6, 7))
    handler.handle(batch(world, world.names.verdicts))
    assert gaps(world) == [(0, 0, "lost"), (5, 5, "marker")]


def test_what_retention_took_is_expired_where_the_selector_says_so(world, handler, selector):
    selector.frames(0, 10)
    selector.judge(*verdicts(world, 0, 1))
    handler.handle(batch(world, world.names.verdicts))
    delete_records(world, world.names.frames, 6)
    selector.state(expired=(2, 4))
    selector.judge(*verdicts(world, 6, 7))
    handler.handle(batch(world, world.names.verdicts, first=2) + batch(world, world.names.state))
    assert gaps(world) == [(2, 4, "expired"), (5, 5, "unproven")]
    assert rows(world, "SELECT * FROM ledger_expired") == [{"partition": 0, "first_offset": 2, "last_offset": 4}]


def test_a_member_stopped_within_its_transaction_does_not_hold_the_next_one_up(world, handler, selector):
    selector.frames(0, 2)
    selector.judge(*verdicts(world, 0, 1))
    locked = threading.Barrier(3)

    def sleep_with_the_lock(partition, sleep):
        database = Database(world.database)

        async def work(connection):
            await tables.locked_position(connection, world.names.verdicts, partition)
            locked.wait(10)
            await tables.move(connection, world.names.verdicts, partition, tables.Position(77))
            await sleep(connection)

        try:
            database.run(work)
        finally:
            database.close()

    async def busy_elsewhere(_):
        await asyncio.sleep(8)

    async def stopped(connection):  # as by SIGSTOP: what the server says meanwhile is read afterwards, all at once
        asyncio.get_running_loop().call_later(0.1, time.sleep, 8)
        await connection.execute("SELECT pg_sleep(0.5)")

    with ThreadPoolExecutor(2) as pool:
        sleepers = [pool.submit(sleep_with_the_lock, n, sleep) for n, sleep in enumerate((busy_elsewhere, stopped))]
        locked.wait(10)
        handler.handle(batch(world, world.names.verdicts))
        for sleeper in sleepers:
            with pytest.raises(DependencyDown):
                sleeper.result(20)
    assert handler.positions([(world.names.verdicts, 0)]) == {(world.names.verdicts, 0): 2}
    assert handler.positions([(world.names.verdicts, 1)]) == {}


def test_services_that_migrate_at_once_do_not_meet(world):
    rows(world, "DROP SCHEMA public CASCADE")
    rows(world, "CREATE SCHEMA public")
    env = {**os.environ, **world.env}
    running = [
        subprocess.Popen([sys.executable, "-m", service, "migrate"], env=env, stderr=subprocess.PIPE)
        for service in ("ledger", "ledger")
    ]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert tables_of(world)["ledger_files"] == []


def test_an_undecodable_verdict_is_a_dead_letter(world, handler, selector):
    selector.frames(0, 2)
    selector._publish(world.names.verdicts, "yard", b"not avro")
    selector.judge(*verdicts(world, 1, outcome=Outcome.REJECTED, reason="near_duplicate"))
    handler.handle(batch(world, world.names.verdicts))
    (letter,) = world.records(world.names.dead_letters(world.names.verdicts, "ledger"))
    assert letter.value == b"not avro"
    assert handler.positions([(world.names.verdicts, 0)]) == {(world.names.verdicts, 0): 2}


def transaction(world, frames):
    """Frames published in one transaction: a marker follows them."""
    from confluent_kafka import Producer

    from winnow.events import Frame
    from winnow.kafka import config

    producer = Producer(config.transactional_producer(world.kafka, f"{world.namespace}-frames", client_id="frames"))
    before = len(batch(world, world.names.frames))
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(frames):
        frame = Frame(f"t{number}", "yard", AT, None, "image/jpeg", books.jpeg(number))
        producer.produce(world.names.frames, world.codec.encode(world.names.frames, frame), b"yard", 0)
    producer.commit_transaction(30)
    # The broker writes the marker after it has answered; what is published before would get the marker's offset.
    eventually(lambda: len(batch(world, world.names.frames)) == before + frames)

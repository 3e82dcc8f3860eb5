"""`winnow doctor` on the real servers: what is fine is not blamed, and each fault that is planted is named."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

import psutil
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from tests.support.books import delete_records
from tests.support.pictures import stream
from tests.support.world import World, eventually
from typer.testing import CliRunner

from winnow import contract
from winnow.kafka import config, deadletter
from winnow.kafka.producer import Publisher
from winnow_cli.__main__ import app
from winnow_cli.deployment.apply import Contract
from winnow_cli.deployment.topics import Broker
from winnow_cli.doctor.lag import lag
from winnow_cli.doctor.retention import retention
from winnow_cli.doctor.storage import database
from winnow_cli.stack import Home, Stack

pytestmark = pytest.mark.stack

LIMIT_S = 20.0


def doctor(env):
    """Findings by name; in time, whatever hangs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW_")}
    began = time.monotonic()
    with mock.patch.dict(os.environ, {**clean, **env}, clear=True):
        ran = CliRunner().invoke(app, ["doctor", "--json"])
    assert time.monotonic() - began < LIMIT_S
    assert ran.exit_code in (0, 1), ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    names = [one["name"] for one in told["checks"]]
    assert len(set(names)) == len(names)
    assert told["ok"] == (ran.exit_code == 0) == all(one["state"] != "wrong" for one in told["checks"])
    assert all(one["mend"] for one in told["checks"] if one["state"] in ("wrong", "warning"))
    return {name: SimpleNamespace(**one) for name, one in zip(names, told["checks"], strict=True)}


def wrong(found):
    return {name: one.what for name, one in found.items() if one.state == "wrong"}


@pytest.fixture(scope="module")
def world(stack, tmp_path_factory):
    made = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("world"))
    made.prepare()
    made.need_tables()
    made.env["WINNOW_HOME"] = str(made.folder / "home")
    made.env["WINNOW_CACHE"] = str(Home.default().cache)
    yield made
    made.close()


@contextmanager
def setting(world, topic, name, value):
    """A topic's setting changed by somebody, until the contract is applied again."""
    admin = AdminClient(config.admin(world.kafka))
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result()
    try:
        yield
    finally:
        Contract(world.kafka).apply()


def test_a_changed_setting_a_shut_registry_and_a_wrong_password_are_each_named(world):
    assert wrong(doctor(world.env)) == {}
    with setting(world, world.names.frames, "retention.ms", "60000"):
        found = doctor({**world.env, "WINNOW_POSTGRES_PASSWORD": "wrong", "WINNOW_REGISTRY_URL": "http://127.0.0.1:9"})
    assert set(wrong(found)) == {"topics", "registry", "PostgreSQL"}
    assert f"{world.names.frames}: retention.ms: 60000 -> 86400000" in found["topics"].what
    assert found["topics"].mend == "winnow topics apply"
    for name in ("schemas", "policies", "cameras"):
        assert (found[name].state, "registry" in found[name].what) == ("not looked at", True)


def test_a_server_that_takes_connections_and_never_answers_does_not_hang_it(world):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        host, port = silent.getsockname()
        address = f"{host}:{port}"
        servers = {"WINNOW_REGISTRY_URL": f"http://{address}", "WINNOW_S3_ENDPOINT": f"http://{address}"}
        found = doctor({**world.env, **servers, "WINNOW_POSTGRES_PORT": str(port)})
        assert set(wrong(found)) == {"registry", "object storage", "PostgreSQL"}
        assert set(wrong(doctor({**world.env, "WINNOW_KAFKA_BOOTSTRAP": address}))) == {"broker"}


def test_settings_that_are_missing_or_wrong_are_named(world):
    bare = {name: world.env[name] for name in ("WINNOW_KAFKA_BOOTSTRAP", "WINNOW_REGISTRY_URL", "WINNOW_HOME")}
    found = doctor({**bare, "WINNOW_NAMESPACE": world.namespace, "WINNOW_PROFILE": "local"})
    assert wrong(found) == {}
    assert found["PostgreSQL"].state == found["object storage"].state == "not looked at"
    assert "WINNOW_S3_ENDPOINT" in found["object storage"].mend
    assert "WINNOW_PROFILE" in wrong(doctor({**world.env, "WINNOW_PROFILE": "huge"}))["settings"]


def test_without_schemas_bucket_tables_and_policy_each_is_named(stack, world, tmp_path):
    bare = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path)
    topics, groups = contract.load_topics(bare.names, "local"), contract.load_groups(bare.names, "local")
    Broker(AdminClient(config.admin(bare.kafka)), topics, groups).apply()
    found = doctor({**world.env, **bare.env})
    assert set(wrong(found)) == {"schemas", "policies", "object storage", "PostgreSQL"}
    assert found["schemas"].mend == found["policies"].mend == "winnow topics apply"
    assert "no such bucket" in found["object storage"].what
    assert "no such database" in found["PostgreSQL"].what
    empty = database(world.database.model_copy(update={"postgres_database": "postgres"}))
    assert (empty.state, "store's tables are at nothing" in empty.what) == ("wrong", True)
    assert database(world.database).state == "ok"


def test_lag_without_a_selector_and_dead_letters_are_named_until_they_are_gone(world):
    selector = world.start("selector")
    publisher = Publisher(world.kafka, client_id="raw")
    publisher.publish(world.names.frames, "yard", b"not avro")
    publisher.flush()
    world.publish(stream("yard", 3))
    eventually(lambda: len(world.records(world.names.verdicts)) == 4, what="verdicts")
    found = doctor(world.env)
    assert (found["lag of selector"].state, found["lag of selector"].what) == ("ok", "1 member, nothing unread")
    assert found["dead letters"].state == "warning"
    # "at least" where a busy machine did not let it read to the end.
    assert f"1 in the last day; 1 of {world.names.frames}: PoisonRecord" in found["dead letters"].what
    assert found["lag of store"].state == "wrong"
    assert "no member" in found["lag of store"].what
    assert selector.stop() == 0
    world.publish(stream("yard", 8)[3:])
    found = doctor(world.env)
    assert "no member; up to 5 unread" in wrong(found)["lag of selector"]
    assert "start the selector" in found["lag of selector"].mend
    (letter,) = world.records(world.names.dead_letters(world.names.frames, "selector"))
    mark = deadletter.mark(deadletter.origin(letter))
    publisher.publish(letter.topic, letter.key.decode(), None, headers=mark, partition=letter.partition)
    publisher.flush()
    assert doctor(world.env)["dead letters"].state == "ok"


def test_a_member_that_reads_and_commits_nothing_is_stuck(world):
    names, settings = world.names, world.kafka
    publisher = Publisher(settings, client_id="raw")
    publisher.publish(names.selected, "yard", b"anything")
    publisher.flush()
    member = Consumer(
        {**config.consumer(settings, names.group("store"), client_id="stuck"), "auto.offset.reset": "earliest"}
    )
    try:
        member.subscribe([names.selected])
        eventually(lambda: member.poll(0.2) is not None, what="the member reads")
        assert lag(settings, "store", [names.selected]).state == "ok", "it may be at work on what came a moment ago"
        found = lag(settings, "store", [names.selected], behind_s=0.0)
    finally:
        member.close()
    assert found.state == "wrong"
    assert f"{names.selected}/" in found.what and "stuck" in found.what


def test_what_retention_took_before_it_was_read_is_named(world):
    publisher = Publisher(world.kafka, client_id="raw")
    for number in range(3):
        publisher.publish(world.names.verdicts, "yard", str(number).encode(), partition=0)
    publisher.flush()
    admin = AdminClient(config.admin(world.kafka))
    group, place = world.names.group("ledger"), TopicPartition(world.names.verdicts, 0, 0)
    admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [place])])[group].result()
    delete_records(world, world.names.verdicts, 2)
    assert (
        f"retention took records before they were read ({place.topic}/0: 2)"
        in wrong(doctor(world.env))["lag of ledger"]
    )


def test_a_configured_camera_that_never_sent_is_named(world):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW_")}
    command = [sys.executable, "-m", "winnow_cli", "camera", "add", "gate-7"]
    subprocess.run(command, env={**clean, **world.env}, check=True, capture_output=True)
    found = doctor(world.env)["cameras"]
    assert (found.state, "gate-7 never" in found.what) == ("warning", True)


def test_frames_of_the_last_hour_are_projected_on_the_brokers_disk(world, stack):
    world.publish(stream("door", 5))
    found = retention(world.kafka, stack.run.data / "kafka")
    assert found.state == "ok"
    assert "at the last hour's rate" in found.what


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """What `winnow up` leaves running, in a home of its own."""
    home = Home(tmp_path_factory.mktemp("home"), Home.default().cache)
    env = {"WINNOW_HOME": str(home.path), "WINNOW_CACHE": str(home.cache)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW_")}
    subprocess.run([sys.executable, "-m", "winnow_cli", "up"], env={**clean, **env}, check=True, capture_output=True)
    stack = Stack.attach(home)
    yield SimpleNamespace(env=env, stack=stack)
    stack.down()


def test_what_up_starts_has_nothing_wrong_and_everything_is_looked_at(up):
    found = doctor(up.env)
    assert wrong(found) == {}
    assert [name for name, one in found.items() if one.state == "not looked at"] == []
    assert {f"process {name}" for name in ("kafka", "selector", "ingest")} <= set(found)
    assert found["lag of ledger"].what == "1 member, nothing unread"


def test_a_service_that_was_stopped_and_one_that_was_killed_are_named(up):
    before = up.stack.pid("ledger")
    up.stack.stop("store")
    psutil.Process(before).kill()
    eventually(lambda: up.stack.pid("ledger") not in (None, before), what="the ledger is started again")
    up.stack.wait_ready("ledger")
    found = doctor(up.env)
    up.stack.start_process("store")
    assert "process store" in wrong(found)
    assert (found["process ledger"].state, "again 1 time" in found["process ledger"].what) == ("warning", True)


def test_servers_that_are_stopped_in_their_tracks_are_named_in_time(up):
    processes = [psutil.Process(up.stack.pid(name)) for name in ("registry", "objects")]
    for process in processes:
        process.suspend()
    try:
        found = doctor(up.env)
    finally:
        for process in processes:
            process.resume()
    assert {"registry", "object storage"} <= set(wrong(found))
    eventually(lambda: wrong(doctor(up.env)) == {}, what="all is well again")


def test_a_supervisor_that_hangs_is_named_and_hangs_nobody(up):
    supervisor = psutil.Process(up.stack.supervisor_pid)
    supervisor.suspend()
    try:
        found = doctor(up.env)
    finally:
        supervisor.resume()
    assert str(supervisor.pid) in wrong(found)["local stack"]
    assert str(supervisor.pid) in found["local stack"].mend

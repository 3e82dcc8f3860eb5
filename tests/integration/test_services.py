"""What every service shows of itself: health, metrics, logs, settings and its end."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from tests.support.pictures import frame, stream
from tests.support.world import POLICY, World, eventually

import ledger.app
import ledger.settings
import selector.app
import selector.settings
import store.app
import store.settings
from winnow import contract
from winnow.events import Outcome, Verdict
from winnow.health import Health
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.transactional_producer import TransactionalProducer
from winnow_cli.deployment.schemas import Registry
from winnow_cli.deployment.topics import Broker
from winnow_cli.stack.home import free_port

pytestmark = pytest.mark.stack

SETTINGS = {
    "selector": selector.settings.SelectorSettings,
    "store": store.settings.Settings,
    "ledger": ledger.settings.Settings,
}
LOOPS = tuple(SETTINGS)
QUICK = {"WINNOW_LEDGER_LINGER_S": "0.3"}

SCENE = [{"camera": "yard", "source": "scene:yard?minutes=60&fps=5&width=320&height=240", "pace": "live"}]
"""What ingest plays here: small pictures, and longer than any test."""

SERVERS = {
    "WINNOW_KAFKA_BOOTSTRAP",
    "WINNOW_REGISTRY_URL",
    "WINNOW_S3_ENDPOINT",
    "WINNOW_S3_ACCESS_KEY",
    "WINNOW_S3_SECRET_KEY",
}
NEEDED = {
    "ingest": SERVERS | {"WINNOW_INGEST_SOURCES"},
    "selector": SERVERS,
    "store": SERVERS | {"WINNOW_POSTGRES_HOST", "WINNOW_POSTGRES_USER", "WINNOW_POSTGRES_PASSWORD"},
}
NEEDED["ledger"] = NEEDED["store"]


@pytest.fixture
def policyless(stack, tmp_path):
    """A namespace with topics and schemas, in which nobody has written a policy."""
    world = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path)
    topics = contract.load_topics(world.names, "local")
    groups = contract.load_groups(world.names, "local")
    Broker(AdminClient(config.admin(world.kafka)), topics, groups).apply()
    Registry(world.kafka.registry_url, topics).apply()
    yield world
    world.close()


def start(world, name, **env):
    extra = {"WINNOW_INGEST_SOURCES": json.dumps(SCENE)} if name == "ingest" else QUICK
    return world.start(name, **{**extra, **env})


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(service, name):
    """{labels: value} of a metric's samples."""
    _, text = service.answer("/metrics")
    found = {}
    for line in text.splitlines():
        sample, _, value = line.rpartition(" ")
        if sample == name or sample.startswith(name + "{"):
            found[sample.removeprefix(name)] = float(value)
    return found


def log_lines(service):
    return [json.loads(line) for line in service.log.read_text().splitlines()]


def committed(world, group, topic, partitions):
    settings = world.kafka.model_copy(update={"group_protocol": "classic"})
    consumer = Consumer(config.consumer(settings, world.names.group(group), client_id="test"))
    try:
        found = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=10)
        return {p.partition: p.offset for p in found if p.offset >= 0}
    finally:
        consumer.close()


@pytest.mark.parametrize("name", LOOPS)
def test_a_service_is_ready_logs_in_json_and_ends_with_0(world, name):
    service = start(world, name)
    assert service.answer("/livez")[0] == 200
    assert service.answer("/readyz") == (200, "ready\n")
    assert service.answer("/metrics")[0] == 200
    assert service.answer("/else")[0] == 404
    world.publish(stream("yard", 3))
    assert service.stop() == 0
    lines = log_lines(service)
    assert len(lines) >= 3
    for line in lines:
        assert {"time", "level", "event"} <= set(line)
        assert line.get("service") == name, line
    assert (lines[-1]["event"], lines[-1]["code"]) == ("stopped", 0)


def test_without_a_default_policy_the_selector_lives_and_is_not_ready(policyless):
    world = policyless
    service = world.start("selector", wait=False)
    said = eventually(
        lambda: world.names.policies in (answer := service.answer("/readyz"))[1] and answer,
        what="the selector says what it waits for",
    )
    assert said[0] == 503
    assert "winnow topics apply" in said[1]
    assert service.answer("/livez")[0] == 200
    world.publish(stream("yard", 3))
    assert world.records(world.names.verdicts) == []
    world.set_policy(POLICY)
    service.wait_ready()
    eventually(lambda: len(world.records(world.names.verdicts)) == 3, what="verdicts once there is a policy")


@contextmanager
def loop_of(name, settings):
    """A service's loop beside its health server, which answers until the block ends."""
    if name == "selector":
        health = Health()
        producer = TransactionalProducer(settings, settings.group, settings.instance, health=health)
        service = selector.app.build(settings, health, producer)
        try:
            yield service.loop
        finally:
            service.policies.close()
            service.server.close()
    else:
        with {"store": store.app, "ledger": ledger.app}[name].build(settings) as loop:
            yield loop


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_has_stopped_is_no_longer_ready(world, name):
    port, stop = free_port(), threading.Event()
    settings = world.settings(SETTINGS[name]).model_copy(update={"health_port": port})
    with loop_of(name, settings) as loop, ThreadPoolExecutor(1) as pool:
        running = pool.submit(loop.run, stop)
        try:
            eventually(lambda: get(port, "/readyz") == (200, "ready\n"), what=f"{name} is ready")
        finally:
            stop.set()
            running.result(30)
        assert get(port, "/readyz") == (503, "stopping\n")
        assert get(port, "/livez")[0] == 200


def test_the_selector_measures_itself(world):
    service = start(world, "selector")
    publisher = Publisher(world.kafka, client_id="raw")
    publisher.publish(world.names.frames, "yard", b"not avro")
    publisher.flush()
    world.publish([*stream("yard", 20), frame("yard", 99, b"GIF89a"), *stream("yard", 2)])
    frames = 24
    eventually(lambda: sum(samples(service, "winnow_verdicts_total").values()) == frames, what="verdicts counted")
    counted = {}
    for verdict in world.events(world.names.verdicts, Verdict):
        labels = f'{{outcome="{verdict.outcome.value}",reason="{verdict.reason}"}}'
        counted[labels] = counted.get(labels, 0) + 1
    assert samples(service, "winnow_verdicts_total") == counted
    assert {'{outcome="unreadable",reason="not_avro"}', '{outcome="unreadable",reason="undecodable"}'} <= set(counted)
    frames_topic = f'topic="{world.names.frames}"'
    assert samples(service, "winnow_records_total") == {f"{{{frames_topic}}}": frames}
    assert sum(samples(service, "winnow_dead_letters_total").values()) == 2
    assert samples(service, "winnow_transaction_seconds_count")[""] >= 1
    assert 0 < samples(service, "winnow_transaction_seconds_sum")[""] < 60
    assert samples(service, "winnow_restore_seconds_count")[""] == 4
    assert samples(service, "winnow_verdict_latency_seconds_count")[""] == frames
    state = sum(len(record.value) for record in world.records(world.names.state))
    assert 0 < samples(service, "winnow_state_bytes_total")[""] <= state
    eventually(
        lambda: samples(service, "winnow_time_lag_seconds") == {f"{{{frames_topic}}}": 0.0},
        what="no lag once all is read",
    )


def test_time_lag_is_the_age_of_what_was_handled_last(world):
    """Frames wait for 2 s before there is a selector: its first batch is as late as that."""
    world.publish(stream("yard", 400))
    time.sleep(2)
    service = world.start("selector", wait=False, WINNOW_BATCH_MAX="1")
    seen = eventually(
        lambda: [v for v in samples(service, "winnow_time_lag_seconds").values() if v > 0], what="a lag is shown"
    )
    assert 2 <= seen[0] < 60


def test_store_and_ledger_measure_themselves(world):
    start(world, "selector")
    storing, writing = start(world, "store"), start(world, "ledger")
    publisher = Publisher(world.kafka, client_id="raw")
    for topic in (world.names.selected, world.names.verdicts):
        publisher.publish(topic, "yard", b"not avro")
    publisher.flush()
    frames = stream("yard", 20)
    world.publish(frames)
    eventually(lambda: sum(samples(writing, "winnow_ledger_rows_total").values()) == 20, what="rows in the ledger")
    verdicts = [
        world.codec.decode(Verdict, r.value) for r in world.records(world.names.verdicts) if r.value != b"not avro"
    ]
    kept = sum(v.outcome is Outcome.KEPT for v in verdicts)
    eventually(lambda: samples(storing, "winnow_kept_frames_stored_total") == {"": kept}, what="kept frames stored")
    assert samples(storing, "winnow_images_stored_total") == {"": kept}
    assert samples(storing, "winnow_store_batch_seconds_count")[""] >= 1
    for service, topic in ((storing, world.names.selected), (writing, world.names.verdicts)):
        eventually(
            lambda service=service, topic=topic: (
                samples(service, "winnow_dead_letters_total") == {f'{{service="{service.name}",topic="{topic}"}}': 1.0}
            ),
            what=f"the dead letter of {service.name} counted",
        )
        eventually(
            lambda service=service, topic=topic: (
                samples(service, "winnow_time_lag_seconds").get(f'{{topic="{topic}"}}') == 0
            ),
            what=f"no lag of {service.name} once all is read",
        )
    assert samples(writing, "winnow_balance_difference") == {"": 0.0}


def test_logs_stay_json_and_the_process_lives_while_the_broker_is_away(world):
    service = world.start("selector", wait=False, WINNOW_KAFKA_BOOTSTRAP="127.0.0.1:9")
    eventually(lambda: "onnect" in service.log.read_text(), what="the log tells of the broker")
    assert all({"time", "level", "event"} <= set(line) for line in log_lines(service))
    assert service.process.poll() is None


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_every_wrong_setting_is_named_at_once_and_nothing_starts(name, tmp_path):
    env = {key: value for key, value in os.environ.items() if not key.startswith("WINNOW_")}
    ran = subprocess.run(
        [sys.executable, "-m", name],
        env={**env, "WINNOW_PROFILE": "huge", "WINNOW_HEALTH_PORT": "70000", "WINNOW_NAMESPACE": "a.b"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    (line,) = [json.loads(line) for line in ran.stderr.splitlines()]
    named = {word.strip().rstrip(":") for word in line["reason"].split() if word.startswith("WINNOW_")}
    assert named == NEEDED[name] | {"WINNOW_PROFILE", "WINNOW_HEALTH_PORT", "WINNOW_NAMESPACE"}
    assert "nothing was started" in line["reason"]


def test_a_secret_comes_from_a_file(world):
    """World and stack give no secret in the environment: the store would not start without the files."""
    assert not [name for name in world.env if "SECRET_KEY" in name or "PASSWORD" in name]
    assert start(world, "store").answer("/readyz")[0] == 200


def test_sigterm_finishes_the_batch_at_hand(world):
    service = start(world, "selector", WINNOW_BATCH_MAX="8")
    frames = stream("yard", 600)
    world.publish(frames)
    eventually(lambda: service.metric("winnow_verdicts_total") >= 40, what="it is at work")
    assert service.stop() == 0
    verdicts = world.events(world.names.verdicts, Verdict)
    assert 40 <= len(verdicts) < len(frames), "it was stopped in the middle"
    done = committed(world, "selector", world.names.frames, 4)[verdicts[0].source.partition]
    assert done == len(verdicts) == max(v.source.offset for v in verdicts) + 1
    again = start(world, "selector")
    eventually(lambda: len(world.records(world.names.verdicts)) == len(frames), what="the rest after a restart")
    assert again.metric("winnow_transactions_aborted_total") == 0


def test_ingest_ends_with_0_when_told_to_and_has_sent_what_it_counted(world):
    service = start(world, "ingest")
    assert service.answer("/livez")[0] == 200
    assert service.answer("/readyz") == (200, "ready\n")
    eventually(lambda: service.metric("winnow_frames_published_total") >= 5, what="frames published")
    assert service.stop() == 0
    (ended,) = [line for line in log_lines(service) if line["event"] == "source ended"]
    assert ended["interrupted"]
    assert ended["published"] == ended["frames"] == len(world.records(world.names.frames))

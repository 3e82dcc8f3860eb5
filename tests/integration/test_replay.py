"""`winnow replay` of a run on the real servers, in which policies and groups change and the selector is killed."""

import json
from dataclasses import replace

import pytest
from tests.support.pictures import frame, stream
from tests.support.world import POLICY, environment, eventually
from typer.testing import CliRunner

from ledger.settings import ReaderSettings
from selector.domain import noise
from winnow.clock import now
from winnow.events import Camera, Verdict
from winnow.kafka.producer import Publisher
from winnow_cli.__main__ import app
from winnow_cli.replay.display import comparison_json
from winnow_cli.replay.recording import read_index, read_records
from winnow_cli.replay.run import Job, one

pytestmark = pytest.mark.stack

LEDGER = {"WINNOW_LEDGER_LINGER_S": "0.2", "WINNOW_LEDGER_BATCH_MAX": "20"}


def send(world, topic, key, event):
    publisher = Publisher(world.kafka, client_id="test-send")
    publisher.publish(topic, key, world.codec.encode(topic, event) if event is not None else None)
    publisher.flush()


def record(world):
    """A run of three cameras, in which everything happens that a replay must know of. Gives the verdicts."""
    selector = world.start("selector", instance="judge")
    ledger = world.start("ledger", **LEDGER)
    cameras = {name: stream(name, 60) for name in ("yard", "gate", "hall")}
    sent = before = 0  # in all, and by the time when the selector was started last

    def publish(first, last, *others):
        nonlocal sent
        frames = [f for i in range(first, last) for f in (cameras[name][i] for name in cameras)] + list(others)
        world.publish(frames)
        sent += len(frames)
        done = sent - before
        eventually(lambda: selector.metric("winnow_verdicts_total") == done, what=f"{done} verdicts")

    publish(0, 12)
    policies, camera_topic = world.names.policies, world.names.cameras
    send(world, policies, "camera/yard", replace(POLICY, kept_per_hour=3600.0, sampling_key=None, split_block_s=7.0))
    send(world, camera_topic, "yard", Camera("yard", now(), group="west"))
    publish(12, 20, cameras["yard"][3], frame("gate", 900, b"GIF89a"))
    send(world, policies, "group/west", replace(POLICY, split_block_s=3.0, sampling_key=b"another key, for the west"))
    selector.kill()
    before = sent
    selector = world.start("selector", instance="judge")
    same = cameras["yard"][2].image
    publish(20, 30, *(frame("yard", 901 + i, same) for i in range(3)))
    send(world, policies, "camera/yard", None)
    send(world, policies, "default", replace(POLICY, kept_per_hour=60.0, burst=2.0))
    send(world, camera_topic, "gate", Camera("gate", now(), group="west"))
    publish(30, 45)
    eventually(lambda: len(read_index(world.settings(ReaderSettings)).files) >= 2, what="files of the ledger")
    ledger.stop()
    publish(45, 60)
    selector.stop()
    found = world.events(world.names.verdicts, Verdict)
    assert len(found) == sent
    return found


def replayed(world, **asked):
    """The replay in this process, where a test may have changed the decision."""
    settings = world.settings(ReaderSettings)
    index, records = read_index(settings), read_records(settings)
    partitions = sorted({r.partition for r in world.records(world.names.verdicts)})
    values = {"camera_id": None, "fields": None, **asked}
    return [one(Job(settings, index, records, partition, **values)) for partition in partitions]


def test_a_replay_is_the_live_run_state_included_and_finds_what_is_not(world, monkeypatch, tmp_path):
    verdicts = record(world)
    versions = {(v.policy_version, v.policies_version, v.camera_version) for v in verdicts}
    assert len(versions) >= 5, versions
    reasons = {v.reason for v in verdicts} | {v.rules.reason for v in verdicts if v.rules}
    assert {"redelivered", "identical_bytes", "undecodable", "control", "novel"} <= reasons

    with environment(world.env):
        result = CliRunner().invoke(app, ["replay", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert (found["equal"], found["verdicts"], found["different"]) == (True, len(verdicts), 0)
    assert {camera["state"] for camera in found["cameras"]} == {"equal"}
    assert sum(camera["verdicts"] for camera in found["cameras"]) == len(verdicts)
    assert sum(p["pending"] for p in found["partitions"]) >= 45, "the ledger was stopped before the last frames"
    assert any(p["last_written"] is not None for p in found["partitions"])

    with monkeypatch.context() as planted:  # another constant in the code
        planted.setattr(noise, "_RESIDUAL_WARM_UP", 12.5)
        different = comparison_json(replayed(world))
    assert not different["equal"]
    first = next(c["first_difference"] for c in different["cameras"] if c["first_difference"])
    assert (first["field"], first["live"], first["replayed"]) == ("thresholds.residual", "12.0", "12.5")

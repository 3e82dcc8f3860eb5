"""`winnow replay` of a run on the real servers: policies, groups and masks change, the selector is killed and lags."""

import json
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.support.pictures import frame, stream
from tests.support.world import POLICY, environment, eventually
from typer.testing import CliRunner

from ledger.settings import ReaderSettings
from selector.adapters.frames import extract_image
from selector.adapters.verdicts import States, judge
from selector.domain import noise
from selector.domain.effort import Effort
from selector.domain.extraction import ExtractionLimits
from selector.domain.policy import DEFAULT, PolicyBook
from winnow.clock import now
from winnow.events import Camera, Outcome, Source, Verdict
from winnow.kafka.producer import Publisher
from winnow_cli.__main__ import app
from winnow_cli.replay.display import comparison_json
from winnow_cli.replay.recording import read_index, read_records
from winnow_cli.replay.run import Job, one

pytestmark = pytest.mark.stack

LIMIT_S = 1.0
"""Of lag, for the camera whose policy has overload."""

LEFT = (0.0, 0.0, 0.4, 0.0, 0.4, 1.0, 0.0, 1.0)
"""The mask of a camera."""

LEDGER = {"WINNOW_LEDGER_LINGER_S": "0.2", "WINNOW_LEDGER_BATCH_MAX": "20"}


def send(world, topic, key, event):
    publisher = Publisher(world.kafka, client_id="test-send")
    publisher.publish(topic, key, world.codec.encode(topic, event) if event is not None else None)
    publisher.flush()


def dark(seed):
    """A JPEG of next to nothing."""
    picture = np.random.default_rng(seed).integers(0, 3, (240, 320, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1])


def record(world):
    """A run of three cameras, in which everything happens that a replay must know of. Gives the verdicts."""
    selector = world.start("selector", instance="judge")
    ledger = world.start("ledger", **LEDGER)
    cameras = {name: stream(name, 60) for name in ("yard", "gate", "hall")}
    sent = before = 0  # in all, and by the time when the selector was started last

    def publish(first, last, *others, lag=False):
        nonlocal sent
        frames = [f for i in range(first, last) for f in (cameras[name][i] for name in cameras)] + list(others)
        if lag:
            selector.pause()
        world.publish(frames)
        if lag:
            newest = max(record.timestamp for record in world.records(world.names.frames))
            eventually(lambda: (now() - newest).total_seconds() > LIMIT_S, what="lag")
            selector.resume()
        sent += len(frames)
        done = sent - before
        eventually(lambda: selector.metric("winnow_verdicts_total") == done, what=f"{done} verdicts")

    publish(0, 12)
    policies, camera_topic = world.names.policies, world.names.cameras
    send(world, policies, "camera/yard", replace(POLICY, kept_per_hour=3600.0, sampling_key=None, split_block_s=7.0))
    send(world, camera_topic, "yard", Camera("yard", now(), group="west"))
    publish(12, 20, cameras["yard"][3], frame("gate", 900, b"GIF89a"))
    send(world, policies, "group/west", replace(POLICY, split_block_s=3.0, sampling_key=b"another key, for the west"))
    send(world, policies, "camera/hall", replace(POLICY, sampling_key=None, overload=True, overload_after_s=LIMIT_S))
    send(world, camera_topic, "hall", Camera("hall", now(), masks=(LEFT,)))
    selector.kill()
    before = sent
    selector = world.start("selector", instance="judge")
    same = cameras["yard"][2].image
    publish(
        20, 30, *(frame("yard", 901 + i, same) for i in range(3)), *(frame("gate", 910 + i, dark(i)) for i in range(3))
    )
    send(world, policies, "camera/yard", None)
    send(world, policies, "default", replace(POLICY, kept_per_hour=60.0, burst=2.0))
    send(world, camera_topic, "gate", Camera("gate", now(), group="west"))
    publish(30, 45)
    eventually(lambda: len(read_index(world.settings(ReaderSettings)).files) >= 2, what="files of the ledger")
    ledger.stop()
    publish(45, 60, lag=True)
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
    assert {"redelivered", "identical_bytes", "undecodable", "control", "novel", "dark", "overload"} <= reasons
    assert {v.effort for v in verdicts if v.camera_id == "hall"} == {"full", "reduced"}
    assert {v.camera_version for v in verdicts if v.camera_id == "hall"} > {-1}, "it has a mask from then on"

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


OTHER = {"kept_per_hour": 60.0, "burst": 2.0, "control_every_s": 5.0}


def test_another_policy_keeps_in_the_replay_what_it_keeps_when_it_is_in_force(world, tmp_path):
    world.need_tables()
    world.start("selector")
    frames = {name: stream(name, 60) for name in ("yard", "gate")}
    world.publish([f for both in zip(*frames.values(), strict=True) for f in both])
    verdicts = eventually(
        lambda: (v := world.events(world.names.verdicts, Verdict)) and len(v) == 120 and v, what="120 verdicts"
    )
    file = tmp_path / "other.json"
    file.write_text(json.dumps(OTHER))
    with environment(world.env):
        result = CliRunner().invoke(app, ["replay", "--policy", str(file), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])

    changes, live_kept, other_kept = Counter(), Counter(), Counter()
    for name, sent in frames.items():
        live = [became(v) for v in verdicts if v.camera_id == name]
        other = [became(v) for v in judged_under(replace(POLICY, **OTHER), sent)]
        changes += Counter((name, *pair) for pair in zip(live, other, strict=True) if pair[0] != pair[1])
        live_kept += Counter((name, one) for one in live if one.startswith(Outcome.KEPT.value))
        other_kept += Counter((name, one) for one in other if one.startswith(Outcome.KEPT.value))
    assert changes.total() > 10
    assert {(c["camera_id"], c["live"], c["other"]): c["frames"] for c in found["changes"]} == changes
    kept = {(row["camera_id"], f"kept/{row['reason']}"): row for row in found["kept"]}
    assert {key: row["live"] for key, row in kept.items() if row["live"]} == live_kept
    assert {key: row["other"] for key, row in kept.items() if row["other"]} == other_kept


def became(verdict):
    return f"{verdict.outcome.value}/{verdict.reason}"


def judged_under(policy, frames):
    """The verdicts on a camera's frames, judged as the selector does under this policy."""
    book, states, limits = PolicyBook(), States(), ExtractionLimits()
    book.set_policy(DEFAULT, 0, policy)
    for number, sent in enumerate(frames):
        ahead = extract_image(sent, sent.frame_id, sent.image, limits, Effort.FULL)
        yield judge(ahead, Source("frames", 0, number), sent.captured_at, states, book.in_force)

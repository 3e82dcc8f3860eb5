"""`winnow control` on the real servers: the verdicts of a run, in the ledger's files and beyond them."""

import json
from collections import Counter

import pytest
from tests.support.pictures import stream
from tests.support.world import POLICY, environment, eventually
from typer.testing import CliRunner

from ledger.settings import ReaderSettings
from winnow.events import Outcome, Verdict
from winnow_cli.__main__ import app
from winnow_cli.replay.recording import read_index

pytestmark = pytest.mark.stack


def asked(world, *arguments: str):
    with environment(world.env):
        result = CliRunner().invoke(app, ["control", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_the_sample_is_counted_and_labels_of_it_say_what_the_rules_miss(world, tmp_path):
    world.start("selector")
    ledger = world.start("ledger", WINNOW_LEDGER_LINGER_S="0.2")
    first, last = stream("yard", 40)[:25], stream("yard", 40)[25:]
    world.publish([*first, *stream("gate", 20)])
    eventually(lambda: read_index(world.settings(ReaderSettings)).files, what="files of the ledger")
    ledger.stop()
    world.publish(last)
    verdicts = eventually(
        lambda: (v := world.events(world.names.verdicts, Verdict)) and len(v) == 60 and v, what="60 verdicts"
    )
    control = [v for v in verdicts if "control" in v.flags]
    of_yard = [v for v in control if v.camera_id == "yard"]
    assert len(of_yard) > 10

    labels = tmp_path / "labels.jsonl"
    lines = [{"frame_id": v.frame_id, "relevant": v.rules.outcome == "kept" or i == 0} for i, v in enumerate(of_yard)]
    lines.append({"frame_id": next(v.frame_id for v in verdicts if v not in control), "relevant": True})
    labels.write_text("\n".join(map(json.dumps, lines)))
    found = asked(world, "--labels", str(labels))
    assert found["labels_of_no_control_frame"] == 1
    gate, yard = found["cameras"]
    assert (yard["camera_id"], yard["control_every_s"]) == ("yard", POLICY.control_every_s)
    judged = [v for v in verdicts if v.camera_id == "yard" and v.outcome in (Outcome.KEPT, Outcome.REJECTED)]
    assert (yard["judged"], yard["control"]) == (len(judged), len(of_yard))
    assert yard["rules_said"] == dict(sorted(Counter(v.rules.reason for v in of_yard).items()))
    assert yard["labelled"] == len([v for v in of_yard if v.signals["control_weight_s"] > 0])
    assert yard["control_rate"]["low"] < yard["control_rate"]["rate"] < yard["control_rate"]["high"]
    assert yard["miss_rate"]["low"] <= yard["miss_rate"]["rate"] <= yard["miss_rate"]["high"]
    assert gate["labelled"] == 0 and gate["miss_rate"] is None

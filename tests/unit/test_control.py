"""`winnow control`: labels from files, and control frames from verdicts as the ledger has them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.adapters import parquet
from ledger.domain.batch import Row
from selector.domain.decide import ObservedFrame, decide
from selector.domain.state import CameraState
from winnow.errors import Refused
from winnow.events import Source, Verdict
from winnow_cli.control.labels import read_labels
from winnow_cli.control.sample import samples
from winnow_cli.offline.policy import policy_book
from winnow_cli.simulation.day import BEGIN
from winnow_cli.simulation.library import render
from winnow_cli.simulation.stream import KINDS, CameraDay

EVERY_S = 60.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frame_id,relevant\na,true\nb,0\n", {(None, "a"): True, (None, "b"): False}),
        ("camera_id,frame_id,relevant\nyard,a,yes\n,b,No\n", {("yard", "a"): True, (None, "b"): False}),
        ('{"frame_id": "a", "relevant": true}\n\n{"frame_id": "b", "relevant": false, "camera_id": "yard"}\n',
         {(None, "a"): True, ("yard", "b"): False}),
        ("frame_id,relevant\na,true\na,1\n", {(None, "a"): True}),
        ("", {}),
    ],
)  # fmt: skip
def test_labels_are_read_from_csv_and_json_lines(tmp_path, text, expected) -> None:
    path = tmp_path / "labels"
    path.write_text(text)
    assert read_labels(path) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frame_id,relevant\na,true\nb,perhaps\n", "line 3: a label has frame_id"),
        ("frame,relevant\na,true\n", "line 2: a label has frame_id"),
        ('{"frame_id": "a", "relevant": true}\n{"frame_id": 7, "relevant": true}\n', "line 2: a label has"),
        ('{"frame_id": "a", "relevant": true}\n["b"]\n', "line 2: not an object"),
        ('{"frame_id": "a"\n', "line 1"),
        ("frame_id,relevant\na,true\na,false\n", "line 3: frame a is relevant and is not"),
    ],
)
def test_what_is_no_label_is_named(tmp_path, text, told) -> None:
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(Refused, match=told):
        read_labels(path)


@pytest.fixture(scope="module")
def day() -> list[tuple[Verdict, bool]]:
    """A simulated camera's verdicts, and whether each frame shows a visit."""
    kind = next(kind for kind in KINDS if kind.name == "bursts")
    in_force = policy_book(None, (12.0, 12.0)).in_force("yard")
    in_force = replace(in_force, policy=replace(in_force.policy, control_every_s=EVERY_S))
    state, found = CameraState("yard"), []
    for number, frame in enumerate(CameraDay(kind, render()[kind.place], interval_s=5.0, seed=3).frames()):
        at = BEGIN + timedelta(milliseconds=round(frame.at_s * 1000))
        observed = ObservedFrame(
            "yard", f"{number}", Source("frames", 0, number), at, at, 1000, number + 1, frame.signature, "", at
        )
        verdict, state = decide(state, observed, in_force)
        found.append((verdict, frame.visit is not None))
    return found


def rows(verdicts: list[Verdict]) -> list[dict]:
    table = parquet.table([Row(0, number, verdict) for number, verdict in enumerate(verdicts)])
    return table.to_pylist(maps_as_pydicts="strict")


def test_control_frames_of_verdicts_stand_for_all_frames_and_for_what_the_rules_missed(day) -> None:
    control = [verdict for verdict, _ in day if "control" in verdict.flags]
    judged = [{"camera_id": "yard", "policy_version": -1, "frames": len(day)}]
    labels = {(None, verdict.frame_id): relevant for verdict, relevant in day}
    [found], unmatched = samples(rows(control), judged, {-1: EVERY_S}, labels)
    assert (found.control, found.judged) == (len(control), len(day))
    assert unmatched == len(day) - len(control)
    assert found.said == Counter(verdict.rules.reason for verdict in control)
    assert sum(1 / frame.chance for frame in found.labelled) == pytest.approx(len(day), rel=0.01)
    rates = found.rates
    assert rates.missed.frames > 50
    relevant = [verdict for verdict, shows in day if shows]
    said = [(verdict.rules.outcome if verdict.rules else verdict.outcome.value) == "kept" for verdict in relevant]
    assert rates.missed.low <= 1 - sum(said) / len(said) <= rates.missed.high
    assert rates.relevant.low <= len(relevant) / len(day) <= rates.relevant.high


def row(camera_id: str, frame_id: str, weight_s: float = 5.0, version: int = 0) -> dict:
    return {
        "camera_id": camera_id,
        "frame_id": frame_id,
        "event_time": BEGIN,
        "policy_version": version,
        "rules": {"outcome": "rejected", "reason": "near_duplicate"},
        "signals": {"control_weight_s": weight_s},
    }


def test_a_first_frame_counts_for_the_rate_and_for_no_estimate() -> None:
    [found], unmatched = samples(
        [row("yard", "a", 0.0), row("yard", "b")], [], {0: 60.0}, {(None, "a"): True, (None, "b"): True}
    )
    assert (found.control, found.first, len(found.labelled), unmatched) == (2, 1, 1, 0)


def test_policies_of_another_control_slot_are_a_sample_of_their_own() -> None:
    judged = [{"camera_id": "yard", "policy_version": version, "frames": 10} for version in (0, 1, 2)]
    found, _ = samples([row("yard", "a"), row("yard", "b", version=2)], judged, {0: 60.0, 1: 60.0, 2: 30.0}, {})
    assert [(one.control_every_s, one.judged, one.control) for one in found] == [(30.0, 10, 1), (60.0, 20, 1)]
    assert all(one.rates is None for one in found)


def test_a_label_that_could_be_of_two_cameras_is_refused_unless_it_names_one() -> None:
    control = [row("gate", "1"), row("yard", "1")]
    with pytest.raises(Refused, match="cameras gate and yard both have a frame 1"):
        samples(control, [], {0: 60.0}, {(None, "1"): True})
    gate, yard = samples(control, [], {0: 60.0}, {("yard", "1"): True})[0]
    assert (len(gate.labelled), len(yard.labelled)) == (0, 1)


def test_a_version_that_is_nowhere_is_refused() -> None:
    with pytest.raises(Refused, match="does not have version 4"):
        samples([row("yard", "a", version=4)], [], {0: 60.0}, {})

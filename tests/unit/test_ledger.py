"""The ledger's pure parts, and what its Parquet files hold."""

from dataclasses import fields, replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.books import AT, verdict

from ledger.adapters import parquet
from ledger.domain.batch import Row, by_hour, file_of, jumps
from ledger.domain.inputs import concerns_input
from ledger.domain.ranges import Range
from ledger.domain.status import RATE_WINDOW_S, observe
from winnow.events import Nearest, Outcome, RuleOutcome, Verdict

TOPIC = "winnow.frames.v1"


def row(source_offset, offset=0, **more):
    return Row(0, offset, verdict(TOPIC, source_offset, **more))


@pytest.mark.parametrize(
    ("offsets", "expected", "gaps", "after"),
    [
        ([3, 4, 5], 3, [], 6),
        ([3, 4, 5], None, [], 6),
        ([3, 6, 7, 9], 1, [Range(1, 2), Range(4, 5), Range(8, 8)], 10),
        ([3, 3, 2, 4], 3, [], 5),
        ([], 3, [], 3),
    ],
)
def test_jumps_are_found(offsets, expected, gaps, after):
    assert jumps([row(offset) for offset in offsets], expected) == (gaps, after)


def test_a_batch_that_spans_hours_is_cut_at_the_hour():
    rows = [Row(3, 7 + n, verdict(TOPIC, 100 + n, broker_time=AT + timedelta(minutes=25 * n))) for n in range(4)]
    hours = by_hour(rows)
    assert [[r.offset for r in part] for part in hours.values()] == [[7, 8, 9], [10]]
    file = file_of(AT + timedelta(hours=1), hours[AT + timedelta(hours=1)], 10)
    assert file.key == "ledger/day=2026-03-01/hour=13/3-10-10.parquet"
    assert (file.first_source_offset, file.last_source_offset, file.rows) == (103, 103, 1)


def test_a_file_has_every_field_of_a_verdict():
    full = verdict(
        TOPIC,
        5,
        flags=("control", "warm_up"),
        rules=RuleOutcome("rejected", "dark"),
        nearest=Nearest("yard-1", 2.5),
        detail="because",
    )
    empty = replace(full, camera_id=None, frame_id=None, captured_at=None, block=None, rules=None, nearest=None)
    empty = replace(empty, signature=None, content_hash=None, signals={}, thresholds={}, flags=())
    table = pq.read_table(pa.BufferReader(parquet.encode([Row(0, 9, full), Row(0, 10, empty)])))
    columns = set(table.column_names)
    assert {f.name for f in fields(Verdict)} - {"source"} <= columns
    first, second = table.to_pylist(maps_as_pydicts="strict")
    assert (first["source_partition"], first["source_offset"], first["verdict_offset"]) == (0, 5, 9)
    for name in ("signals", "thresholds", "signature", "broker_time", "content_hash", "detail", "policy_version"):
        assert first[name] == getattr(full, name)
    assert first["outcome"] == "kept" and first["nearest"] == {"frame_id": "yard-1", "distance": 2.5}
    assert second["camera_id"] is None and second["rules"] is None and second["signals"] == {}


def test_a_file_is_known_by_its_rows():
    rows = [row(5, 1), row(6, 2)]
    data = parquet.encode(rows)
    assert parquet.same_rows(data, rows)
    assert not parquet.same_rows(data, rows[:1])
    assert not parquet.same_rows(data, [row(5, 1), row(7, 2)])
    assert not parquet.same_rows(data[:-10], rows)
    assert not parquet.same_rows(b"", rows)


def test_a_cameras_status_follows_its_verdicts():
    status = None
    for offset in range(600):
        rejected = {"outcome": Outcome.REJECTED, "reason": "near_duplicate"} if offset % 3 else {}
        at = AT + timedelta(seconds=offset / 5)
        status = observe(
            status, verdict(TOPIC, offset, broker_time=at, event_time=at - timedelta(days=1), **rejected), "yard"
        )
    assert status.counts == {"kept/novel": 200, "rejected/near_duplicate": 400}
    assert status.outcome_counts() == {"kept": 200, "rejected": 400}
    assert status.last_broker_time == at and status.last_event_time == at - timedelta(days=1)
    assert status.rate_per_s(at) == pytest.approx(5, rel=0.05)
    assert status.rate_per_s(at + timedelta(seconds=3 * RATE_WINDOW_S)) < 0.3
    late = observe(status, verdict(TOPIC, 601, broker_time=AT), "yard")
    assert late.last_broker_time == at, "an older verdict does not set the clock back"


def test_a_young_cameras_rate_is_not_low():
    status = None
    for offset in range(50):
        status = observe(status, verdict(TOPIC, offset, broker_time=AT + timedelta(seconds=offset / 5)), "yard")
    assert status.rate_per_s(status.last_broker_time) == pytest.approx(5, rel=0.15)


@pytest.mark.parametrize(
    ("key", "concerns"),
    [
        (b"start", True),
        (b"cursor", True),
        (b"expired|17", True),
        (b"yard|scalars", False),
        (b"start|scalars", False),
        (None, False),
    ],
)
def test_state_records_of_the_input_are_told_by_their_key(key, concerns):
    assert concerns_input(key) is concerns

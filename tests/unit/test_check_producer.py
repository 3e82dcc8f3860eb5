"""What `winnow check-producer` says of a camera: a good one gives nothing, and each bug its own finding alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from selector.domain.image_header import ImageHeader, ImageKind, Unreadable
from winnow.events import Camera, Frame
from winnow_cli.producers.domain import camera as checks
from winnow_cli.producers.domain import two_cameras
from winnow_cli.producers.domain.camera import CameraCheck, CameraChecks
from winnow_cli.producers.domain.delivery import BatchHeader
from winnow_cli.producers.domain.finding import Finding, Flow, Level, in_bytes, in_time
from winnow_cli.producers.domain.ids import RECENT
from winnow_cli.producers.domain.partitioner import other_partitioners, partition_of
from winnow_cli.producers.domain.record import NO_KEY, SentRecord
from winnow_cli.producers.domain.sample import MOST, Sample

CAMERA = "yard-1"
PARTITIONS = 12
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
FRAMES = 40
HEADER = ImageHeader(ImageKind.JPEG, 1280, 720, progressive=False, quantisation_hash=bytes(8))
IMAGE = b"\xff\xd8"

Records = list[SentRecord]


def sent(index: int, *, lag_s: float = 0.05, every_s: float = 1.0, **frame: Any) -> SentRecord:
    """Frame `index` of a camera that does everything right, one each `every_s`; `frame` changes fields of the frame."""
    at = BEGIN + timedelta(seconds=index * every_s)
    fields = {
        "frame_id": f"{index}",
        "camera_id": CAMERA,
        "captured_at": at - timedelta(seconds=lag_s),
        "sequence": index,
        "content_type": "image/jpeg",
        "image": IMAGE,
    }
    return SentRecord(
        partition=partition_of(CAMERA.encode(), PARTITIONS),
        offset=100 + index,
        broker_s=at.timestamp(),
        key=CAMERA.encode(),
        size_bytes=150_100,
        schema_id=1,
        frame=Frame(**{**fields, **frame}),
        header=HEADER,
        image_bytes=150_000,
        content_hash=index,
    )


def stream(count: int = FRAMES, **changes: Any) -> Records:
    return [sent(index, **changes) for index in range(count)]


def reframed(record: SentRecord, **frame: Any) -> SentRecord:
    assert record.frame is not None
    return replace(record, frame=replace(record.frame, **frame))


def findings(
    records: Records, *, camera: Camera | None = None, batch: BatchHeader | None = None, until_s: float = 0.0
) -> list[Finding]:
    check = CameraCheck(PARTITIONS, camera)
    check.batch = batch
    for record in records:
        check.see(record)
    return check.report(CAMERA, until_s or records[-1].broker_s).findings


def only(records: Records, **settings: Any) -> Finding:
    (found,) = findings(records, **settings)
    return found


def each(change: Callable[[SentRecord], SentRecord]) -> Callable[[], Records]:
    return lambda: [change(record) for record in stream()]


def some(change: Callable[[SentRecord], SentRecord], at: tuple[int, ...] = (7,)) -> Callable[[], Records]:
    return lambda: [change(record) if record.offset - 100 in at else record for record in stream()]


def unread(record: SentRecord, **fields: Any) -> SentRecord:
    return replace(record, frame=None, header=None, refused="what it is", **fields)


def stepped(records: Records, first: int, by_s: float, last: int = 10**6) -> Records:
    """The camera's clock stepped for the frames from `first` to `last`."""
    return [
        reframed(record, captured_at=record.frame.captured_at + timedelta(seconds=by_s))
        if record.frame and first <= record.offset - 100 <= last
        else record
        for record in records
    ]


def two_sizes() -> Records:
    small = replace(HEADER, width=640, height=480)
    return [replace(record, header=small if index % 2 else HEADER) for index, record in enumerate(stream())]


def two_counters() -> Records:
    return [reframed(record, sequence=index // 2 + 5000 * (index % 2)) for index, record in enumerate(stream())]


def in_bursts() -> Records:
    """Ten frames in 0.1 s, then a pause of 10 s."""
    return [
        reframed(replace(record, broker_s=at), captured_at=datetime.fromtimestamp(at - 0.05, UTC))
        for index, record in enumerate(stream(60))
        for at in [BEGIN.timestamp() + index // 10 * 10 + index % 10 * 0.01]
    ]


def paused() -> Records:
    return [sent(index + (60 if index > 20 else 0), sequence=index) for index in range(FRAMES)]


E_ = Level.ERROR
W = Level.WARNING
N = Level.NOTE
BUGS: dict[str, tuple[Level, Callable[[], Records], int]] = {
    "not_avro": (E_, some(lambda r: unread(r, schema_id=None)), 1),
    "unknown_schema": (E_, some(lambda r: unread(r, of_subject=False)), 1),
    "undecodable": (E_, some(unread), 1),
    "other_schema": (W, each(lambda r: replace(r, of_subject=False)), FRAMES),
    "no_key": (E_, each(lambda r: replace(r, key=None)), FRAMES),
    "wrong_key": (E_, some(lambda r: reframed(r, camera_id="gate")), 1),
    "invalid_id": (E_, some(lambda r: reframed(r, frame_id="x" * 300)), 1),
    "no_id": (N, each(lambda r: reframed(r, frame_id=None)), FRAMES),
    "constant_id": (E_, each(lambda r: reframed(r, frame_id="frame")), FRAMES - 1),
    "id_reused": (E_, each(lambda r: reframed(r, frame_id=str(r.offset % 30))), FRAMES - 30),
    "redelivered": (W, lambda: [*stream(8), replace(sent(7), offset=500, broker_s=sent(8).broker_s)], 1),
    "repeats": (W, each(lambda r: replace(r, content_hash=r.offset // 2)), FRAMES // 2),
    "constant_clock": (E_, each(lambda r: reframed(r, captured_at=BEGIN)), FRAMES),
    "clock_skew": (E_, lambda: stream(lag_s=-10 * 365.25 * 86400), FRAMES),
    "time_zone": (E_, lambda: stream(lag_s=-2 * 3600 + 0.1), FRAMES),
    "clock_ahead": (W, lambda: stream(lag_s=-20), FRAMES),
    "clock_behind": (W, lambda: stream(lag_s=700), FRAMES),
    "not_live": (N, lambda: [sent(i, lag_s=5000 + 40 * (FRAMES - i)) for i in range(FRAMES)], FRAMES),
    "clock_back": (W, lambda: stepped(stream(), 20, -30), 1),
    "clock_jump": (W, lambda: stepped(stream(), 35, 100), 1),
    "sequence_gap": (W, each(lambda r: reframed(r, sequence=r.offset * 3 // 2)), 19),
    "sequence_back": (W, each(lambda r: reframed(r, sequence=r.offset + 5000 * (r.offset < 120))), 1),
    "no_sequence": (N, each(lambda r: reframed(r, sequence=None)), FRAMES),
    "two_cameras": (E_, two_sizes, FRAMES - 2),
    "unreadable_image": (E_, some(lambda r: replace(r, header=Unreadable("truncated: JPEG …"))), 1),
    "progressive": (W, each(lambda r: replace(r, header=replace(HEADER, progressive=True))), FRAMES),
    "png": (
        W,
        each(lambda r: reframed(replace(r, header=replace(HEADER, kind=ImageKind.PNG)), content_type="image/png")),
        FRAMES,
    ),
    "content_type": (N, some(lambda r: reframed(r, content_type="image/png")), 1),
    "large": (W, some(lambda r: replace(r, image_bytes=1_200_000)), 1),
    "heavy": (W, each(lambda r: replace(r, image_bytes=800_000)), FRAMES),
    "small": (W, each(lambda r: replace(r, header=replace(HEADER, width=96, height=72), image_bytes=3000)), FRAMES),
    "size_change": (W, some(lambda r: replace(r, header=replace(HEADER, width=640)), tuple(range(20, 50))), 1),
    "partition": (W, each(lambda r: replace(r, partition=1)), FRAMES),
    "many_partitions": (E_, some(lambda r: replace(r, partition=7)), 1),
    "bursts": (W, in_bursts, 5),
    "silence": (W, paused, 1),
}  # fmt: skip


def test_a_camera_that_does_everything_right_gives_nothing() -> None:
    batch = BatchHeader("5:100", "none", 4711)
    assert findings(stream(2000), batch=batch) == []
    assert findings(stream(2), camera=Camera(CAMERA, BEGIN, expected_interval_s=1.0, partition=5), batch=batch) == []


@pytest.mark.parametrize("code", BUGS)
def test_each_bug_gives_its_own_finding_and_no_other(code: str) -> None:
    level, planted, count = BUGS[code]
    found = only(planted())
    assert (found.code, found.level, found.count) == (code, level, count)
    assert found.count <= found.of
    assert found.example
    assert found.what and found.cost and found.mend
    assert "<" not in found.what + found.cost  # nothing printed that is an object


def test_a_late_frame_is_late_and_not_missing() -> None:
    late = stream()
    late[10], late[12] = late[12], late[10]
    assert {
        found.code
        for found in findings(
            [reframed(r, captured_at=s.frame.captured_at) for r, s in zip(late, stream(), strict=True) if s.frame]
        )
    } == {"sequence_back"}


def test_two_counters_under_one_id_are_two_cameras() -> None:
    assert only(two_counters()).code == "two_cameras"
    restarted = [reframed(r, sequence=i if i < 20 else i + 90_000) for i, r in enumerate(stream())]
    assert findings(restarted) == [], "a counter that starts anew, once, is no second camera"
    assert two_cameras.SWITCHES > 2


def test_the_clock_s_unit_is_guessed() -> None:
    in_seconds = [reframed(r, captured_at=datetime.fromtimestamp(r.broker_s / 1000, UTC)) for r in stream()]
    assert "seconds" in only(in_seconds).mend
    behind = only(stream(lag_s=60 * 86400))
    assert (behind.code, "NTP" in behind.mend) == ("clock_skew", True)


@pytest.mark.parametrize(("lag_s", "said"), [(-7200, "2 h ahead of"), (19800, "5.5 h behind"), (-3600, "1 h ahead of")])
def test_a_time_zone_is_named_by_its_hours(lag_s: float, said: str) -> None:
    assert said in only(stream(lag_s=lag_s)).what


def test_a_file_published_at_once_is_no_clock_s_fault() -> None:
    of_a_file = [
        reframed(sent(i, every_s=0.01), captured_at=BEGIN - timedelta(days=1) + timedelta(seconds=i / 5))
        for i in range(200)
    ]
    assert {found.level for found in findings(of_a_file)} <= {Level.NOTE}


@pytest.mark.parametrize(
    ("key", "partition", "said"),
    [(b"yard-1", 1, "CRC-32"), ("kamera-höf".encode(), 6, "sign bit"), (b"gate", 8, "CRC-32")],
)
def test_the_partitioner_is_named(key: bytes, partition: int, said: str) -> None:
    assert any(said in way for way in other_partitioners(key, partition, PARTITIONS))
    name = key.decode()
    records = [reframed(replace(r, key=key, partition=partition), camera_id=name) for r in stream()]
    assert said in only(records).what


@pytest.mark.parametrize(
    ("key", "value"),
    # Vectors of Apache Kafka's own test of Utils.murmur2, without the sign bit.
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_murmur2_is_kafka_s(key: bytes, value: int) -> None:
    assert partition_of(key, 2**31) == value & 0x7FFFFFFF


def test_an_explicit_partition_is_right_where_the_camera_has_one() -> None:
    pinned = Camera(CAMERA, BEGIN, partition=7)
    assert only(stream(), camera=pinned).code == "partition"
    assert "7" in only(stream(), camera=pinned).mend
    assert findings([replace(record, partition=7) for record in stream()], camera=pinned) == []


@pytest.mark.parametrize(("expected_s", "code"), [(0.2, "too_slow"), (5.0, "too_fast")])
def test_the_pace_is_held_against_what_the_camera_is_set_to(expected_s: float, code: str) -> None:
    assert only(stream(), camera=Camera(CAMERA, BEGIN, expected_interval_s=expected_s)).code == code


def test_a_camera_that_went_silent_is_told() -> None:
    end_s = stream()[-1].broker_s
    assert findings(stream(), until_s=end_s + 29) == []
    found = only(stream(), until_s=end_s + 300)
    assert (found.code, found.example, "5 min" in found.what) == ("silence", "5:139", True)
    slow = Camera(CAMERA, BEGIN, expected_interval_s=200.0)
    assert "silence" not in {f.code for f in findings(stream(), camera=slow, until_s=end_s + 300)}


def footage(begin_s: float, first: int) -> Records:
    """A minute of video sent in a tenth of a second: it ends when it is sent."""
    return [
        reframed(
            replace(sent(first + index), broker_s=begin_s + index * 0.0025),
            captured_at=datetime.fromtimestamp(begin_s - 60 + index * 1.5, UTC),
        )
        for index in range(FRAMES)
    ]


def test_videos_that_were_sent_and_ended_are_no_silent_cameras() -> None:
    begin_s = BEGIN.timestamp()
    days = [record for day in range(5) for record in footage(begin_s + day * 7200, day * FRAMES)]
    silent = {"silence", "bursts"}
    assert not silent & {found.code for found in findings(days, until_s=begin_s + 86400)}
    expected = Camera(CAMERA, BEGIN, expected_interval_s=1.0)
    assert silent <= {found.code for found in findings(days, camera=expected)}


def test_heaps_of_a_camera_that_films_on_are_bursts() -> None:
    heaps = [replace(record, broker_s=BEGIN.timestamp() + (index // 10 + 1) * 10 + index % 10 * 0.01)
             for index, record in enumerate(stream(60))]  # fmt: skip
    assert "bursts" in {found.code for found in findings(heaps)}


def test_one_is_not_said_as_many() -> None:
    lost = [record for record in stream() if record.offset != 107]
    assert only(lost).what == "1 number missing (2%), at 1 place"


def test_a_configured_camera_that_sends_nothing_is_told() -> None:
    configured = {"gate": Camera("gate", BEGIN, expected_interval_s=5.0), "hall": Camera("hall", BEGIN)}
    made = CameraChecks(PARTITIONS, configured)
    for record in stream():
        made.see(record)
    assert [(r.camera, [f.code for f in r.findings]) for r in made.reports(stream()[-1].broker_s, 40.0)] == [
        ("gate", ["silence"]),
        (CAMERA, []),
    ]
    assert [r.camera for r in made.reports(stream()[-1].broker_s, 10.0)] == [CAMERA], "too early to tell"


@pytest.mark.parametrize(
    ("batch", "code"),
    [(BatchHeader("5:100", "lz4", 1), "compressed"), (BatchHeader("5:100", "none", -1), "not_idempotent")],
)
def test_a_batch_shows_how_the_producer_delivers(batch: BatchHeader, code: str) -> None:
    assert only(stream(), batch=batch).code == code


def test_compressed_png_is_nobody_s_fault() -> None:
    of_png = BUGS["png"][1]()
    assert only(of_png, batch=BatchHeader("5:100", "zstd", 1)).code == "png"


def test_times_of_producers_are_the_topic_s_fault_and_said_once() -> None:
    made = CameraChecks(PARTITIONS)
    for record in stream():
        made.see(replace(record, append_time=False))
    (found,) = made.topic_findings()
    assert (found.code, found.level, found.count) == ("timestamp_type", Level.ERROR, FRAMES)
    made = CameraChecks(PARTITIONS)
    for record in stream():
        made.see(record)
    assert made.topic_findings() == []


def test_records_without_a_key_are_told_of_the_camera_that_they_name() -> None:
    made = CameraChecks(PARTITIONS)
    made.see(replace(sent(0), key=None))
    made.see(unread(replace(sent(1), key=None), schema_id=None))
    made.see(sent(2))
    assert set(made.cameras) == {CAMERA, NO_KEY}


def test_many_cameras_under_one_key_are_wrong_keys_and_nothing_else() -> None:
    mixed = [
        reframed(record, camera_id=f"camera-{index % 3}", sequence=index // 3, frame_id=str(index // 3))
        for index, record in enumerate(stream())
    ]
    assert only(mixed).code == "wrong_key"


def test_the_page_names_every_finding_and_no_other() -> None:
    sources = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"(\w+)", Level\.', sources)) | {"constant_id", "silence"}
    assert set(BUGS) | {"too_slow", "too_fast", "compressed", "not_idempotent", "timestamp_type"} == codes
    page = (Path(__file__).parents[2] / "docs" / "producers.md").read_text().partition("| looks at |")[2]
    assert set(re.findall(r"`([a-z]+_[a-z_]+|[a-z]+)`", page.partition("What it cannot see")[0])) == codes


def test_worst_first_and_only_the_camera_that_was_asked_for() -> None:
    made = CameraChecks(PARTITIONS, only="b")
    for name in ("a", "b", "c"):
        for record in stream():
            made.see(replace(record, key=name.encode()))
    assert (made.records, list(made.cameras)) == (FRAMES, ["b"])
    made = CameraChecks(PARTITIONS)
    for record in stream():
        made.see(record)
        named = f"a{record.offset}".encode()
        made.see(replace(reframed(record, camera_id=named.decode()), key=named, partition=partition_of(named, 12)))
    made.see(unread(replace(sent(99), key=b"z")))
    reports = made.reports(sent(99).broker_s, 0.0)
    assert reports[0].camera == "z"
    assert reports[0].level is Level.ERROR


def test_memory_is_bounded_for_any_number_of_cameras_ids_and_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_CAMERAS", 50)
    made = CameraChecks(PARTITIONS)
    for number in range(500):
        made.see(replace(sent(number), key=f"camera-{number}".encode()))
    assert (len(made.cameras), made.not_looked_at) == (50, 450)

    check = CameraCheck(PARTITIONS, None)
    for record in stream(3 * RECENT):
        check.see(replace(record, partition=record.offset % 9))
    ids = next(one for one in check._others if hasattr(one, "_contents"))
    assert (len(ids._contents), len(ids._pictures)) == (RECENT, RECENT)

    sample = Sample()
    for number in range(20 * MOST):
        sample.add(number)
    assert len(sample.values) <= MOST
    assert abs(sample.median - 10 * MOST) < MOST


def test_quantities_are_written_as_people_say_them() -> None:
    assert [in_bytes(v) for v in (12, 900_000, 7.5e9)] == ["12 B", "900 kB", "7.5 GB"]
    assert [in_time(v) for v in (0.5, -90, 600, 7200, 3 * 86400, 10 * 365.25 * 86400)] == [
        "0.5 s", "90 s", "10 min", "2 h", "3 days", "10 years",
    ]  # fmt: skip
    assert Flow().a_day(5e6) == "5 MB"

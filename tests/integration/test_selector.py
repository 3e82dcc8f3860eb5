"""The selector as a process on the real broker."""

from collections import Counter

import pytest
from tests.support.pictures import frame, picture, stream
from tests.support.world import eventually

from winnow.events import Outcome, SelectedFrame, Verdict

pytestmark = pytest.mark.stack

JSON_SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {}}'


def verdicts(world, count):
    found = eventually(
        lambda: (v := world.events(world.names.verdicts, Verdict)) and len(v) >= count and v, what=f"{count} verdicts"
    )
    assert len(found) == count
    return found


def test_every_record_gets_one_verdict_whatever_it_is(world):
    world.start("selector")
    good = stream("yard", 20)
    world.publish(good)
    world.publish([good[3]])
    world.publish([frame("yard", 100, good[4].image), frame("yard", 101, b""), frame("yard", 102, b"GIF89a....")])
    from winnow.kafka.producer import Publisher

    raw = Publisher(world.kafka, client_id="raw")
    raw.publish(world.names.frames, "yard", b"not avro at all")
    raw.publish(world.names.frames, "yard", None)
    raw.publish(world.names.frames, "yard", b"\0\0\0\x7f\xff" + b"x" * 20)
    raw.publish(world.names.frames, "other", world.codec.encode(world.names.frames, good[0]))
    raw.flush()
    found = verdicts(world, 20 + 1 + 3 + 4)
    by_reason = Counter((v.outcome, v.reason) for v in found)
    assert by_reason[Outcome.REDELIVERED, "redelivered"] == 1
    assert by_reason[Outcome.UNREADABLE, "undecodable"] == 2
    assert by_reason[Outcome.UNREADABLE, "not_avro"] == 3
    assert by_reason[Outcome.UNREADABLE, "wrong_key"] == 1
    assert sum((v.rules.reason if v.rules else v.reason) == "novel" for v in found) >= 3
    assert len({v.source for v in found}) == len(found)
    letters = world.records(world.names.dead_letters(world.names.frames, "selector"))
    assert {r.value for r in letters if r.value is not None} >= {b"not avro at all"}
    assert len(letters) == 6
    kept = [v for v in found if v.outcome is Outcome.KEPT]
    selected = world.events(world.names.selected, SelectedFrame)
    assert {s.source for s in selected} == {v.source for v in kept}
    assert {s.image for s in selected} <= {f.image for f in good} | {good[4].image}


def test_a_restart_goes_on_from_the_cursor_with_the_same_state(world):
    first = world.start("selector")
    frames = stream("yard", 30)
    world.publish(frames[:15])
    verdicts(world, 15)
    assert first.stop() == 0
    world.publish(frames[15:] + frames[:5])
    world.start("selector")
    found = verdicts(world, 35)
    assert [v.frame_id for v in found if v.outcome is Outcome.REDELIVERED] == [f.frame_id for f in frames[:5]]


def test_bytes_seen_before_are_identical_and_name_the_first(world):
    world.start("selector")
    image = picture(1)
    world.publish([frame("yard", 0, picture(0)), frame("yard", 1, image), frame("yard", 2, image)])
    last = verdicts(world, 3)[-1]
    said = last.rules.reason if last.rules else last.reason
    assert said == "identical_bytes"
    assert last.nearest.frame_id == "yard-1"


def _move_committed_offset(world, partition, offset):
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
    from confluent_kafka.admin import AdminClient

    from winnow.kafka import config

    group = world.names.group("selector")
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(world.names.frames, partition, offset)])

    admin = AdminClient(config.admin(world.kafka))

    def done():
        result = admin.alter_consumer_group_offsets([moved])[group].result(20)
        return result.topic_partitions[0].error is None

    eventually(done, what="the moved offset")


def test_a_moved_offset_stops_the_selector_until_it_is_put_back(world):
    selector = world.start("selector")
    frames = stream("yard", 10)
    world.publish(frames)
    found = verdicts(world, 10)
    assert selector.stop() == 0
    partition = found[0].source.partition
    _move_committed_offset(world, partition, 3)
    again = world.start("selector", wait=False)
    assert again.process.wait(30) == 1
    assert f"winnow topics reset-offset {partition}" in again.tail()
    from winnow_cli.deployment.offsets import reset_offset

    assert reset_offset(world.kafka, partition) == 10
    world.start("selector")
    world.publish(stream("yard", 12)[10:])
    assert len({v.source for v in verdicts(world, 12)}) == 12


def test_a_lost_group_goes_on_at_the_cursor(world):
    from confluent_kafka.admin import AdminClient

    from winnow.kafka import config

    selector = world.start("selector")
    world.publish(stream("yard", 10))
    verdicts(world, 10)
    assert selector.stop() == 0
    group, admin = world.names.group("selector"), AdminClient(config.admin(world.kafka))
    eventually(
        lambda: admin.delete_consumer_groups([group])[group].exception(20) is None,
        what="the group's end",
    )
    world.start("selector")
    world.publish(stream("yard", 12)[10:])
    assert len({v.source for v in verdicts(world, 12)}) == 12


def test_what_retention_took_is_named_expired_and_never_skipped_in_silence(world):
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    from winnow.events import SelectorState
    from winnow.kafka import config

    selector = world.start("selector")
    world.publish(stream("yard", 10))
    partition = verdicts(world, 10)[0].source.partition
    assert selector.stop() == 0
    world.publish(stream("yard", 30)[10:])
    where = TopicPartition(world.names.frames, partition, 25)
    admin = AdminClient(config.admin(world.kafka))
    admin.delete_records([where])[where].result(20)
    world.start("selector")
    assert [v.source.offset for v in verdicts(world, 15)] == [*range(10), *range(25, 30)]
    states = world.events(world.names.state, SelectorState)
    assert [(s.expired.first, s.expired.last) for s in states if s.expired] == [(10, 24)]
    assert {s.start.offset for s in states if s.start} == {0}


def test_what_no_producer_should_send_stops_nothing(world):
    """Each of these once ended the process, or would have: the frame behind them is judged all the same."""
    import io
    import json
    from datetime import UTC, datetime, timedelta

    import fastavro
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

    from winnow import contract
    from winnow.kafka.producer import Publisher

    world.start("selector")
    good = frame("yard", 0, picture(0))
    value = world.codec.encode(world.names.frames, good)
    registry = SchemaRegistryClient.new_client({"url": world.kafka.registry_url})
    plain = json.loads(contract.schema("Frame"))
    next(f for f in plain["fields"] if f["name"] == "captured_at")["type"] = "long"
    subject = f"{world.namespace}-other"
    registry.set_compatibility(subject_name=subject, level="NONE")
    plain_id = registry.register_schema(subject, Schema(json.dumps(plain), "AVRO"))
    odd_id = registry.register_schema(f"{subject}-json", Schema(JSON_SCHEMA, "JSON"))
    written = io.BytesIO()
    record = {f: getattr(good, f) for f in good.__slots__} | {"captured_at": 5, "frame_id": None}
    fastavro.schemaless_writer(written, fastavro.parse_schema(plain), record)
    far = io.BytesIO()
    fastavro.schemaless_writer(far, fastavro.parse_schema(plain), record | {"captured_at": 10**18, "frame_id": "far"})
    raw = Publisher(world.kafka, client_id="raw")
    for key, sent in (
        ("yard", b"\0" + plain_id.to_bytes(4, "big") + written.getvalue()),
        ("yard", b"\0" + odd_id.to_bytes(4, "big") + b"xxxx"),
        ("yard", b"\0\xff\xff\xff\xff" + b"xxxx"),
        ("k" * 900_000, value),
        (None, value),
        ("yard", value[:5] + far.getvalue()),
    ):
        raw.publish(world.names.frames, key, sent)
    raw.flush()
    long_id = frame("yard", 1, picture(1))
    world.publish([type(good)("i" * 1_200_000, "yard", good.captured_at, 1, "image/jpeg", long_id.image)])
    later = frame("yard", 2, picture(2), begin=datetime.now(UTC) + timedelta(days=3650))
    world.publish([later])
    found = verdicts(world, 8)
    by_id = {v.frame_id: v for v in found}
    assert Counter(v.reason for v in found if v.outcome is Outcome.UNREADABLE) == {
        "not_avro": 3,
        "wrong_key": 2,
        "invalid_id": 1,
    }
    assert "clock_skew" in by_id["far"].flags
    assert "clock_skew" in by_id["yard-2"].flags


def test_what_is_cut_off_or_spoiled_behind_its_schema_id_is_unreadable_and_the_next_frame_is_judged(world):
    """The schema is registered: only the body is wrong."""
    import numpy as np

    from winnow.kafka.producer import Publisher

    world.start("selector")
    good = [frame("yard", n, picture(n)) for n in range(3)]
    value = world.codec.encode(world.names.frames, good[0])
    noise = np.random.default_rng(1).bytes(2000)
    spoiled = [value[:-100], value[:5] + noise, value[:5], value[:20]]
    raw = Publisher(world.kafka, client_id="raw")
    for sent in spoiled:
        raw.publish(world.names.frames, "yard", sent)
    raw.flush()
    world.publish(good)
    found = sorted(verdicts(world, len(spoiled) + len(good)), key=lambda v: v.source.offset)
    assert [(v.outcome, v.reason) for v in found[: len(spoiled)]] == [(Outcome.UNREADABLE, "not_avro")] * len(spoiled)
    assert [v.frame_id for v in found[len(spoiled) :]] == [f.frame_id for f in good]
    assert all(v.outcome in (Outcome.KEPT, Outcome.REJECTED) for v in found[len(spoiled) :])
    letters = world.records(world.names.dead_letters(world.names.frames, "selector"))
    assert [record.value for record in letters] == spoiled

"""The decision, as tables of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xxhash
from tests.support.pictures import picture

from selector.domain import sampling
from selector.domain.decide import ObservedFrame, decide
from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.policy import PolicyBook, PolicyInForce
from selector.domain.seen import WINDOW, SeenWindow
from selector.domain.signature import Signature
from selector.domain.state import CameraState, changes, restored
from winnow.errors import Refused
from winnow.events import Camera, Cursor, Outcome, SelectionPolicy, SelectorState, Source, Verdict

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
NEVER_S = 1e9


def policy(**changes) -> PolicyInForce:
    values = {"kept_per_hour": 1200.0, "burst": 10.0, "changed_at": BEGIN, "control_every_s": NEVER_S} | changes
    return PolicyInForce(SelectionPolicy(**values), 5, KEY, "camera/yard", KEY, 86_400.0, -1)


def observed(index, image, *, frame_id=None, at_s=None, broker_time=None) -> ObservedFrame:
    moment = BEGIN + timedelta(seconds=index if at_s is None else at_s)
    found = extract(image, ExtractionLimits())
    good = isinstance(found, Signature)
    return ObservedFrame(
        camera_id="yard",
        frame_id=frame_id or f"f{index}",
        source=Source("frames", 0, index),
        captured_at=moment,
        broker_time=broker_time or moment,
        size_bytes=len(image),
        content_hash=xxhash.xxh3_128_intdigest(image),
        signature=found if good else None,
        unreadable="" if good else found.reason,
        decided_at=BEGIN,
    )


def judged(frames, in_force=None, state=None) -> tuple[list[Verdict], CameraState]:
    state = state or CameraState("yard")
    verdicts = []
    for frame in frames:
        verdict, state = decide(state, frame, in_force or policy())
        verdicts.append(verdict)
    return verdicts, state


def reasons(verdicts) -> list[str]:
    return [verdict.reason for verdict in verdicts]


EMPTY = [picture(seed) for seed in range(12)]


def test_the_first_frame_is_novel_and_the_same_scene_is_not_kept_again():
    verdicts, _ = judged([observed(i, image) for i, image in enumerate(EMPTY)])
    assert reasons(verdicts) == ["novel"] + ["near_duplicate"] * 9 + ["heartbeat", "near_duplicate"]
    assert verdicts[1].nearest.frame_id == "f0"
    assert verdicts[1].signals["residual"] <= verdicts[1].thresholds["residual"]
    assert "warm_up" in verdicts[1].flags


def test_an_object_is_novel():
    verdicts, _ = judged([observed(0, EMPTY[0]), observed(1, EMPTY[1]), observed(2, picture(2, 1))])
    assert reasons(verdicts) == ["novel", "near_duplicate", "novel"]


def test_one_frame_twice_is_redelivered_and_changes_nothing():
    _, state = judged([observed(0, EMPTY[0])])
    again, after = judged([observed(0, EMPTY[0])], state=state)
    assert again[0].outcome is Outcome.REDELIVERED
    assert after is state


def test_an_id_with_other_bytes_is_a_new_frame_with_a_flag():
    verdicts, _ = judged([observed(0, EMPTY[0]), observed(1, picture(3, 2), frame_id="f0")])
    assert reasons(verdicts) == ["novel", "novel"]
    assert "id_reused" in verdicts[1].flags
    assert "id_reused" not in verdicts[0].flags


def test_the_same_bytes_under_another_id_are_identical():
    verdicts, _ = judged([observed(0, EMPTY[0]), observed(1, EMPTY[0])])
    assert reasons(verdicts) == ["novel", "identical_bytes"]
    assert verdicts[1].nearest.frame_id == "f0"
    assert verdicts[1].nearest.distance == 0.0


def test_a_picture_that_cannot_be_decoded_is_unreadable_and_says_why():
    verdicts, state = judged([observed(0, b"GIF89a"), observed(0, b"GIF89a")])
    assert [v.outcome for v in verdicts] == [Outcome.UNREADABLE, Outcome.REDELIVERED]
    assert "47 49 46" in verdicts[0].detail
    assert state.last_event_ms is None, "it could not have served a control slot"


def test_without_tokens_novel_frames_are_over_budget():
    frames = [observed(i, picture(i, i + 1), at_s=i * 0.01) for i in range(8)]
    verdicts, state = judged(frames, policy(burst=2.0))
    assert reasons(verdicts)[0] == "novel"
    assert reasons(verdicts)[-1] == "over_budget"
    assert state.bucket.tokens < 2.0
    assert reasons(verdicts).count("novel") == len(state.ring.kept)


def test_a_clock_that_cannot_be_right_is_set_aside():
    for days, skewed in ((-31, True), (-29, False), (0, False), (1, True), (3650, True)):
        broker = BEGIN - timedelta(days=days)
        verdict, _ = judged([observed(0, EMPTY[0], broker_time=broker)])
        assert ("clock_skew" in verdict[0].flags) is skewed
        assert verdict[0].event_time == (broker if skewed else BEGIN)


def test_older_footage_after_newer_is_still_kept():
    frames = [observed(0, EMPTY[0]), observed(1, picture(1, 1), at_s=-86_400 * 3, broker_time=BEGIN)]
    verdicts, state = judged(frames)
    assert reasons(verdicts) == ["novel", "novel"]
    later, _ = judged([observed(2, picture(2, 2), at_s=-86_400 * 3 + 60, broker_time=BEGIN)], state=state)
    assert later[0].signals["tokens"] == pytest.approx(10.0), "the bucket fills again by that clock"


def test_control_keeps_whatever_the_rules_said_outside_the_budget():
    frames = [observed(i, EMPTY[i % 12] + bytes([0] * i)) for i in range(60)]
    verdicts, state = judged(frames, policy(control_every_s=5.0, heartbeat_share=0.0))
    control = [v for v in verdicts if v.reason == "control"]
    assert 10 <= len(control) <= 13
    assert {v.rules.reason for v in control} == {"near_duplicate"}
    assert all("control" in v.flags and v.outcome is Outcome.KEPT for v in control)
    assert len(state.ring.kept) == 1
    assert all((v.signals["control_weight_s"], v.thresholds["control_every_s"]) == (1.0, 5.0) for v in control)


def test_control_is_the_same_however_the_frames_are_split():
    frames = [observed(i, EMPTY[i % 12] + bytes([0] * i)) for i in range(40)]
    in_force = policy(control_every_s=3.0)
    whole, _ = judged(frames, in_force)
    first, state = judged(frames[:17], in_force)
    records = [*changes(None, state), SelectorState(cursor=Cursor(17))]
    states, cursor = restored(records)
    second, _ = judged(frames[17:], in_force, states["yard"])
    assert cursor == 17
    assert [v.reason for v in whole] == [v.reason for v in [*first, *second]]
    assert whole == [*first, *second]


@pytest.mark.parametrize("frames", [1, 33, 4095, 4096, 4128, 4129, 9000])
def test_the_window_knows_the_last_4096_identities_and_survives_storage(frames):
    window = SeenWindow()
    for i in range(frames):
        window = window.add(f"id-{i}", i * 7 + 1)
    for i in {0, 1, frames - 4097, frames - 4096, frames - 4095, frames - 1}:
        if 0 <= i < frames:
            known = i >= frames - WINDOW
            assert window.contents_of(f"id-{i}") == ([i * 7 + 1] if known else [])
            assert window.id_of(i * 7 + 1) == (f"id-{i}" if known else None)
    chunks = {c: (keys, tuple(window.chunk_contents(c))) for c, keys in enumerate(window.chunks) if keys}
    again = SeenWindow.restored(window.count, chunks)
    assert np.array_equal(again.id_hashes, window.id_hashes)
    assert np.array_equal(again.content_hashes, window.content_hashes)
    assert again.chunks == window.chunks


def test_state_written_change_by_change_is_the_state():
    state, log = None, {}
    after = CameraState("yard")
    for i in range(40):
        _, after = decide(after, observed(i, picture(i, 1 + i // 3)), policy(kept_per_hour=3600.0 * 10, burst=50.0))
        for record in changes(state, after):
            log[record.key] = record
        state = after
    (again,) = restored(log.values())[0].values()
    assert (again.frames, again.bucket, again.autopilot, again.noise, again.last_kept_ms) == (
        after.frames,
        after.bucket,
        after.autopilot,
        after.noise,
        after.last_kept_ms,
    )
    assert [k.packed for k in again.ring.kept] == [k.packed for k in after.ring.kept]
    assert np.array_equal(again.ring.descriptors, after.ring.descriptors)


def test_a_ring_with_a_slot_missing_is_not_taken_for_whole():
    _, state = judged([observed(0, EMPTY[0])])
    records = [r for r in changes(None, state) if r.ring is None]
    with pytest.raises(ValueError, match="slots"):
        restored(records)


class TestControlMoments:
    def moments(self, every_s, until_ms):
        slot_ms = round(every_s * 1000)
        return [sampling.control_moment_ms(KEY, "c", s, slot_ms) for s in range(until_ms // slot_ms + 1)]

    @pytest.mark.parametrize("interval_ms", [1, 40, 333, 1000, 2500, 9000])
    def test_the_first_frame_at_or_after_each_moment_serves(self, interval_ms):
        every_s, until_ms, offset = 2.0, 200_000, 1_000
        frames = range(offset, until_ms, interval_ms)
        served, last = [], None
        for at in frames:
            if sampling.serves_control(KEY, "c", every_s, last, at):
                served.append(at)
            last = at
        expected = sorted(
            {next((f for f in frames if f >= m), None) for m in self.moments(every_s, until_ms) if m > offset} - {None}
        )
        first = [offset] if offset in self.moments(every_s, until_ms) else []
        assert served == first + expected

    def test_a_frame_that_is_not_newer_serves_nothing(self):
        assert not sampling.serves_control(KEY, "c", 2.0, 100_000, 100_000)
        assert not sampling.serves_control(KEY, "c", 2.0, 100_000, 40_000)


def test_one_of_five_blocks_is_test_and_cameras_of_a_group_agree():
    blocks = [sampling.block(KEY, "group/a", 20.0, i * 20_000) for i in range(500)]
    assert all(blocks[i : i + 5].count("test") == 1 for i in range(0, 500, 5))
    assert len({tuple(blocks[i : i + 5]) for i in range(0, 500, 5)}) == 5, "the place is drawn anew"


class TestPolicyBook:
    def record(self, **changes):
        return SelectionPolicy(**({"kept_per_hour": 60.0, "burst": 5.0, "changed_at": BEGIN} | changes))

    def test_camera_before_group_before_default(self):
        book = PolicyBook()
        assert not book.has_default
        book.set_policy("default", 0, self.record(sampling_key=KEY))
        book.set_policy("group/gate", 1, self.record(burst=6.0))
        book.set_policy("camera/c1", 2, self.record(burst=7.0, sampling_key=b"another key of 16+"))
        book.set_camera(9, Camera("c2", BEGIN, group="gate"))
        assert (book.in_force("c1").version, book.in_force("c1").sampling_key) == (2, b"another key of 16+")
        assert (book.in_force("c2").version, book.in_force("c2").camera_version) == (1, 9)
        assert book.in_force("c2").scene == "group/gate"
        assert (book.in_force("c3").version, book.in_force("c3").sampling_key) == (0, KEY)
        book.set_policy("camera/c3", 3, self.record(burst=8.0))
        assert book.in_force("c3").version == 3

    def test_what_is_removed_is_inherited_again(self):
        book = PolicyBook()
        book.set_policy("default", 0, self.record(sampling_key=KEY))
        book.set_policy("group/gate", 1, self.record(burst=6.0))
        book.set_policy("camera/c1", 2, self.record(burst=7.0))
        book.set_camera(3, Camera("c1", BEGIN, group="gate"))
        assert (book.keys("c1"), book.in_force("c1").version) == (["camera/c1", "group/gate", "default"], 2)
        assert book.in_force("c1").policies_version == 2
        book.remove_policy("camera/c1", 4)
        assert (book.in_force("c1").version, book.in_force("c1").policies_version) == (1, 4)
        book.remove_camera("c1")
        assert (book.in_force("c1").version, book.in_force("c1").camera_version) == (0, -1)
        assert book.in_force("c1").scene == "camera/c1"
        for unknown in (lambda: book.remove_policy("camera/none", 4), lambda: book.remove_camera("none")):
            unknown()
        with pytest.raises(Refused, match="default"):
            book.remove_policy("default", 4)
        assert book.in_force("c1").version == 0

    @pytest.mark.parametrize(
        ("key", "changes", "named"),
        [
            ("default", {}, "sampling_key"),
            ("default", {"sampling_key": b"short"}, "sampling_key"),
            ("camera/a", {"kept_per_hour": 0.0}, "kept_per_hour"),
            ("camera/a", {"kept_per_hour": 1e-305}, "kept_per_hour is 1e-305; it must be from 0.01 to 3600000 frames"),
            ("camera/", {}, "camera/ID"),
            ("camera/a", {"kept_per_hour": float("nan")}, "kept_per_hour"),
            ("camera/a", {"burst": 0.5}, "burst"),
            ("camera/a", {"heartbeat_share": 1.5}, "heartbeat_share"),
            ("camera/a", {"control_every_s": 0.0}, "control_every_s"),
            ("camera/a", {"split_block_s": -1.0}, "split_block_s"),
            ("nonsense", {}, "nonsense"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name_and_the_one_before_stays(self, key, changes, named):
        book = PolicyBook()
        book.set_policy("default", 0, self.record(sampling_key=KEY))
        with pytest.raises(Refused, match=named):
            book.set_policy(key, 1, self.record(**changes))
        assert book.in_force("a").version == 0

"""The balance on the real servers: it holds where all is well, and finds what is planted."""

from dataclasses import replace

import pytest
from tests.support.books import Selector, batch, delete_records, jpeg, rows, selected, verdict

import ledger.app
import store.app
from ledger.adapters import evidence
from ledger.adapters.evidence import balance
from ledger.settings import ReaderSettings
from store.settings import Settings
from winnow.events import Outcome, Source
from winnow.objects import Objects

pytestmark = pytest.mark.stack

FRAMES = 12
KEPT = (2, 5, 7)


class Run:
    """Twelve frames of one partition, three of them kept, as selector, store and ledger leave them behind."""

    def __init__(self, world):
        self.world = world
        self.selector = Selector(world)
        self.names = world.names
        self.selector.frames(0, FRAMES)

    def judged(self, *offsets, kept=KEPT):
        made = []
        for offset in offsets:
            rejected = {} if offset in kept else {"outcome": Outcome.REJECTED, "reason": "near_duplicate"}
            flags = ("control",) if offset == KEPT[0] else ()
            made.append(verdict(self.names.frames, offset, flags=flags, **rejected))
        self.selector.judge(*made)

    def finish(self, committed=FRAMES, select=KEPT):
        self.selector.state(start=0, cursor=committed)
        self.selector.commit("selector", self.names.frames, committed)
        self.selector.select(*(selected(Source(self.names.frames, 0, o), jpeg(o)) for o in select))

    def store(self):
        records = batch(self.world, self.names.selected)
        with store.app.handler(self.world.settings(Settings)) as handler:
            handler.handle(records)
        self.selector.commit("store", self.names.selected, records[-1].offset + 1)

    def ledger(self):
        with ledger.app.handler(self.world.settings(ReaderSettings)) as handler:
            handler.handle(batch(self.world, self.names.verdicts) + batch(self.world, self.names.state))

    def balance(self):
        return balance(self.world.settings(ReaderSettings))


@pytest.fixture
def run(world):
    return Run(world)


@pytest.fixture
def whole(run):
    run.judged(*range(FRAMES))
    run.finish()
    run.store()
    run.ledger()
    return run


def test_an_undisturbed_run_balances(whole):
    found = whole.balance()
    assert found.balanced, found.problems
    assert (found.frames, found.verdicts, found.kept, found.control, found.stored) == (FRAMES, FRAMES, 3, 1, 3)
    assert found.rejected == {"near_duplicate": FRAMES - 3}
    assert found.problems == () and found.pending == found.unjudged == found.in_flight == 0


def test_what_is_on_its_way_is_pending_unjudged_and_in_flight(run):
    run.judged(*range(10))
    run.finish(committed=10)
    found = run.balance()
    assert found.balanced, found.problems
    assert (found.frames, found.verdicts, found.pending, found.unjudged) == (10, 10, 10, 2)
    assert (found.kept, found.stored, found.in_flight) == (3, 0, 3)


def test_a_lost_frame_is_found_and_named(run):
    run.judged(*(o for o in range(FRAMES) if o != 4))
    run.finish()
    run.store()
    run.ledger()
    found = run.balance()
    assert (found.lost, found.frames, found.verdicts, found.balanced) == (1, FRAMES, FRAMES - 1, False)
    assert any("partition 0, offsets 4:" in problem for problem in found.problems)


def test_a_doubled_verdict_is_found_and_named(whole):
    whole.judged(6)
    assert whole.balance().doubled == 1, "while it is pending"
    whole.ledger()
    found = whole.balance()
    assert (found.doubled, found.verdicts, found.balanced) == (1, FRAMES, False)
    assert any("offset 6: two verdicts" in problem for problem in found.problems)


def test_a_verdict_on_what_is_no_frame_is_found_and_named(world, monkeypatch):
    run = Run.__new__(Run)
    run.world, run.selector, run.names = world, Selector(world), world.names
    run.selector.transactions(3)  # frames at 0, 2, 4; markers at 1, 3, 5
    run.judged(0, 2, 3, 4, kept=())
    run.finish(committed=5, select=())
    run.ledger()
    found = run.balance()
    assert (found.doubtful, found.lost, found.read_back, found.balanced) == (1, 0, 4, False)
    assert any("partition 0, offsets 3: a verdict, but" in problem for problem in found.problems)

    run.judged(1, kept=())  # after the ledger has told that there is a marker
    found = run.balance()
    assert (found.doubtful, found.unjudged) == (2, 0)
    monkeypatch.setattr(evidence, "READ_BACK_BYTES", 0)
    found = run.balance()
    assert (found.doubtful, found.read_back, found.balanced) == (1, 0, False)


@pytest.mark.parametrize(
    "source",
    [{"offset": 40}, {"offset": 10}, {"offset": 0}, {"offset": 5, "partition": 3}, {"offset": 5, "topic": "x"}],
)
def test_a_verdict_on_what_was_never_judged_is_found_and_named(run, source):
    run.judged(*range(1, 10), kept=(2,))
    run.finish(committed=10, select=(2,))
    run.selector.state(start=1)
    assert run.balance().doubtful == 0
    stray = verdict(run.names.frames, 11)
    run.selector.judge(replace(stray, source=replace(stray.source, **source)))
    for _ in range(2):  # while it is pending, and from the ledger's files
        found = run.balance()
        assert (found.doubtful, found.verdicts, found.balanced) == (1, 9, False)
        assert any("it was never judged" in problem for problem in found.problems)
        run.ledger()


def test_a_row_that_was_written_twice_is_no_double(whole):
    (file,) = rows(whole.world, "SELECT * FROM ledger_files")
    objects = Objects(whole.world.objects)
    again = file["key"].replace(".parquet", "-again.parquet")
    objects.put(again, objects.get(file["key"]), "application/vnd.apache.parquet")
    rows(
        whole.world,
        "INSERT INTO ledger_files SELECT $1, partition, first_verdict_offset, last_verdict_offset, "
        "first_source_offset, last_source_offset, rows, hour, size_bytes FROM ledger_files",
        again,
    )
    found = whole.balance()
    assert found.balanced, found.problems
    assert found.verdicts == FRAMES


def test_a_missing_object_is_found_and_named(whole):
    key = rows(whole.world, "SELECT key FROM images ORDER BY key")[0]["key"]
    remove(whole.world, key)
    found = whole.balance()
    assert (found.missing, found.missing_objects, found.stored, found.balanced) == (1, 1, 2, False)
    assert any(key in problem for problem in found.problems)


def test_a_cut_object_counts_as_missing(whole):
    key = rows(whole.world, "SELECT key FROM images ORDER BY key")[0]["key"]
    Objects(whole.world.objects).put(key, jpeg(1)[:100], "image/jpeg")
    assert whole.balance().missing == 1


def test_a_missing_row_of_the_store_is_found_and_named(whole):
    rows(whole.world, "DELETE FROM kept_frames WHERE source_offset = 5")
    found = whole.balance()
    assert (found.missing, found.balanced) == (1, False)
    assert any("frame 0:5: kept" in problem for problem in found.problems)


def test_a_row_that_nobody_kept_is_found_and_named(whole):
    rows(whole.world, "UPDATE kept_frames SET source_offset = 6 WHERE source_offset = 5")
    found = whole.balance()
    assert not found.balanced
    assert any("frame 0:6: stored, but no verdict kept it" in problem for problem in found.problems)


@pytest.mark.parametrize("damage", ["removed", "cut", "other bytes"])
def test_a_ledger_file_that_is_gone_or_damaged_is_found_and_named(whole, damage):
    key = rows(whole.world, "SELECT key FROM ledger_files")[0]["key"]
    objects = Objects(whole.world.objects)
    data = objects.get(key)
    if damage == "removed":
        remove(whole.world, key)
    elif damage == "cut":
        objects.put(key, data[:-20], "application/octet-stream")
    else:
        objects.put(key, b"\0" * len(data), "application/octet-stream")
    found = whole.balance()
    assert (found.lost, found.balanced) == (FRAMES, False)
    assert any(key in problem for problem in found.problems)


def test_a_removed_index_row_makes_its_frames_lost(whole):
    rows(whole.world, "DELETE FROM ledger_files")
    assert whole.balance().lost == FRAMES


def test_expired_frames_are_named_and_balance(run):
    run.judged(0, 1)
    delete_records(run.world, run.names.frames, 6)
    run.selector.state(expired=(2, 5))
    run.judged(*range(6, FRAMES))
    run.finish(select=(7,))
    run.store()
    run.ledger()
    found = run.balance()
    assert (found.frames, found.expired, found.verdicts, found.kept) == (FRAMES, 4, 8, 1)
    assert found.balanced, found.problems
    assert any("retention took them" in problem for problem in found.problems)


def test_a_lost_frame_stays_lost_when_retention_has_taken_it(run):
    run.judged(*(o for o in range(FRAMES) if o != 4))
    run.finish()
    run.store()
    run.ledger()
    delete_records(run.world, run.names.frames, FRAMES)
    assert run.balance().lost == 1


def test_dead_letters_of_the_store_are_matched_by_their_frame(run):
    run.judged(*range(FRAMES))
    run.finish(select=KEPT[:2])
    run.selector.select(selected(Source(run.names.frames, 0, KEPT[2]), b"no image"))
    run.store()
    run.ledger()
    found = run.balance()
    assert found.balanced, found.problems
    assert (found.stored, found.dead_letters, found.missing) == (2, 1, 0)


def remove(world, key):
    client = Objects(world.objects)._client
    client.remove_object(world.objects.s3_bucket, key)

"""The balance finds what was planted, and nothing else."""

import pytest

from ledger.domain.balance import holes, settle
from ledger.domain.evidence import Evidence, PartitionEvidence, Place, StoredRow
from ledger.domain.gaps import Gap, Kind, classify, unaccounted
from ledger.domain.ranges import Range, intersect, subtract, union


def partition(judged=((0, 9),), committed=10, gaps=(), kept=2, **more):
    ranges = tuple(Range(*r) for r in judged)
    number = sum(r.size for r in ranges)
    given = {
        "partition": 0,
        "start": 0,
        "committed": committed,
        "log_start": 0,
        "log_end": committed,
        "judged": ranges,
        "gaps": tuple(Gap(0, Range(*r), kind) for r, kind in gaps),
        "outcomes": {("kept", "novel"): kept, ("rejected", "near_duplicate"): number - kept},
    }
    return PartitionEvidence(**{**given, **more})


def places(*offsets):
    return frozenset(Place(0, offset) for offset in offsets)


def row(offset, there=True):
    return StoredRow(Place(0, offset), f"images/{offset}.jpg", there)


def whole(**changes):
    """Ten frames, two kept and stored."""
    given = {"partitions": (partition(),), "kept": places(3, 4), "rows": (row(3), row(4))}
    return Evidence(**{**given, **changes})


def test_an_undisturbed_run_balances():
    found = settle(whole())
    assert found.balanced and not found.problems
    assert (found.frames, found.verdicts, found.kept, found.stored) == (10, 10, 2, 2)
    assert found.rejected == {"near_duplicate": 8}


@pytest.mark.parametrize(
    ("evidence", "numbers", "balanced"),
    [
        pytest.param(
            whole(partitions=(partition(((0, 4), (6, 9)), gaps=[((5, 5), Kind.LOST)]),)),
            {"lost": 1, "frames": 10, "verdicts": 9},
            False,
            id="a lost frame",
        ),
        pytest.param(
            whole(partitions=(partition(((0, 4), (6, 9))),)),
            {"lost": 1, "frames": 10},
            False,
            id="a hole that nobody explained",
        ),
        pytest.param(
            whole(partitions=(partition(((3, 9),), gaps=[((0, 2), Kind.UNPROVEN)]),)), {"lost": 3}, False, id="unproven"
        ),
        pytest.param(
            whole(partitions=(partition(((0, 4), (6, 9)), gaps=[((5, 5), Kind.MARKER)]),)),
            {"lost": 0, "frames": 9, "verdicts": 9},
            True,
            id="a transaction's marker",
        ),
        pytest.param(
            whole(partitions=(partition(((3, 9),), gaps=[((0, 2), Kind.EXPIRED)]),)),
            {"expired": 3, "frames": 10, "verdicts": 7, "lost": 0},
            True,
            id="expired",
        ),
        pytest.param(whole(partitions=(partition(doubled=(7,)),)), {"doubled": 1}, False, id="a doubled verdict"),
        pytest.param(
            whole(partitions=(partition(frameless=(Range(7, 8),), read_back=10),)),
            {"doubtful": 2, "read_back": 10, "lost": 0, "verdicts": 10},
            False,
            id="verdicts on markers",
        ),
        pytest.param(
            whole(outside=frozenset({("frames", Place(0, 30)), ("other", Place(0, 3))})),
            {"doubtful": 2, "verdicts": 10},
            False,
            id="verdicts on what was never judged",
        ),
        pytest.param(whole(partitions=(partition(pending=4),)), {"pending": 4, "verdicts": 10}, True, id="pending"),
        pytest.param(whole(partitions=(partition(log_end=15),)), {"unjudged": 5}, True, id="not judged yet"),
        pytest.param(
            whole(partitions=(partition(log_end=15, ahead=2),)), {"unjudged": 3}, True, id="markers at the end"
        ),
        pytest.param(whole(rows=(row(3),)), {"missing": 1, "stored": 1}, False, id="a row is missing"),
        pytest.param(
            whole(rows=(row(3), row(4, there=False))),
            {"missing": 1, "missing_objects": 1, "stored": 1},
            False,
            id="an object is missing",
        ),
        pytest.param(
            whole(rows=(row(3),), in_flight=places(4, 8)), {"in_flight": 1, "missing": 0}, True, id="in flight"
        ),
        pytest.param(
            whole(rows=(row(3),), dead_letters=places(4, 8), in_flight=places(4)),
            {"dead_letters": 1, "in_flight": 0},
            True,
            id="a dead letter not yet committed",
        ),
        pytest.param(
            whole(in_flight=places(3, 4), dead_letters=places(3)),
            {"stored": 2, "in_flight": 0, "dead_letters": 0},
            True,
            id="stored and read once more",
        ),
        pytest.param(whole(rows=(row(3), row(4), row(5))), {"stored": 2}, False, id="stored but never kept"),
        pytest.param(whole(rows=(row(3), row(4), row(12))), {"stored": 2}, True, id="stored since the look"),
        pytest.param(
            whole(partitions=(partition(outcomes={("kept", "novel"): 2, ("rejected", "x"): 7}),)),
            {"verdicts": 10},
            False,
            id="outcomes that do not add up",
        ),
        pytest.param(
            Evidence((PartitionEvidence(0, None, None, 5, 9),)), {"frames": 0, "unjudged": 4}, True, id="never begun"
        ),
    ],
)
def test_what_was_planted_is_found(evidence, numbers, balanced):
    found = settle(evidence)
    assert {name: getattr(found, name) for name in numbers} == numbers
    assert found.balanced is balanced, found.problems
    if not balanced or found.expired or found.dead_letters:
        assert found.problems


def test_an_unreadable_file_is_named():
    evidence = whole(
        partitions=(partition(((0, 4),), gaps=[((5, 9), Kind.LOST)], kept=2),), unreadable_files=("ledger/x",)
    )
    assert any("ledger/x" in problem for problem in settle(evidence).problems)


def test_many_problems_of_one_sort_are_told_in_number():
    problems = settle(whole(kept=places(*range(50)), rows=())).problems
    assert len(problems) < 15
    assert any("40 more" in problem for problem in problems)


R = Range


@pytest.mark.parametrize(
    ("delivered", "log_start", "expired", "kinds"),
    [
        ([], 0, [], [(R(5, 9), Kind.MARKER)]),
        ([6, 7], 0, [], [(R(5, 5), Kind.MARKER), (R(6, 7), Kind.LOST), (R(8, 9), Kind.MARKER)]),
        ([], 8, [], [(R(5, 7), Kind.UNPROVEN), (R(8, 9), Kind.MARKER)]),
        ([], 8, [R(0, 7)], [(R(5, 7), Kind.EXPIRED), (R(8, 9), Kind.MARKER)]),
        ([], 20, [R(6, 7)], [(R(5, 5), Kind.UNPROVEN), (R(6, 7), Kind.EXPIRED), (R(8, 9), Kind.UNPROVEN)]),
        # Retention moved on after the frame was read: it was there, and it had no verdict.
        (
            [6],
            8,
            [],
            [(R(5, 5), Kind.UNPROVEN), (R(6, 6), Kind.LOST), (R(7, 7), Kind.UNPROVEN), (R(8, 9), Kind.MARKER)],
        ),
        # An expired record does not excuse a frame that is there.
        ([6], 0, [R(5, 9)], [(R(5, 5), Kind.MARKER), (R(6, 6), Kind.LOST), (R(7, 9), Kind.MARKER)]),
    ],
)
def test_gaps_are_told_apart(delivered, log_start, expired, kinds):
    found = classify(0, [R(5, 9)], delivered=delivered, log_start=log_start, expired=expired)
    assert [(gap.range, gap.kind) for gap in found] == kinds


def test_unproven_gaps_that_turn_out_expired_are_accounted_for():
    gaps = [Gap(0, R(0, 4), Kind.UNPROVEN), Gap(1, R(0, 1), Kind.LOST), Gap(1, R(3, 9), Kind.MARKER)]
    assert unaccounted(gaps, {}) == 7
    assert unaccounted(gaps, {0: [R(0, 2)], 1: [R(0, 9)]}) == 4


def test_ranges():
    assert union([R(5, 6), R(0, 2), R(3, 4), R(9, 9), R(8, 7)]) == [R(0, 6), R(9, 9)]
    assert subtract([R(0, 9)], [R(2, 3), R(3, 5), R(9, 20)]) == [R(0, 1), R(6, 8)]
    assert intersect([R(0, 4), R(8, 9)], [R(3, 8)]) == [R(3, 4), R(8, 8)]
    assert holes(3, 3, []) == []
    assert holes(0, 5, [R(1, 2)]) == [R(0, 0), R(3, 4)]

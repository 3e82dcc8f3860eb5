"""What a journal remembers of a followed source, and for how long."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.adapters.journal import Entry, Journal, path_of
from winnow.clock import now
from winnow.errors import DependencyDown, Refused


def entry(name: str, version: str = "1") -> Entry:
    return Entry(name, version, 0)


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def take(journal: Journal, one: Entry, text: str) -> int:
    """The index of the frame that the entry with these bytes becomes, acknowledged."""
    index = journal.next_index(sha256(text))
    journal.offered(one, sha256(text), f"{text}-{index}")()
    return index


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return path_of(tmp_path / "state", "winnow", "gate", "/in")


def test_only_what_was_acknowledged_is_known_after_a_restart(path: Path) -> None:
    journal = Journal(path)
    take(journal, entry("a"), "a")
    journal.offered(entry("b"), sha256("b"), "b-0")
    journal.refused(entry("c"), "no picture")
    assert all(journal.knows(entry(name)) for name in "abc"), "in flight is not offered again"
    journal.close()
    again = Journal(path)
    assert [again.knows(entry(name)) for name in "abc"] == [True, False, True]
    assert not again.knows(entry("a", "2"))
    assert (again.next_index(sha256("a")), again.next_index(sha256("b"))) == (1, 0)


def test_equal_bytes_are_counted_whether_acknowledged_or_in_flight(path: Path) -> None:
    journal = Journal(path)
    acknowledged = journal.offered(entry("a"), sha256("x"), "x-0")
    assert journal.next_index(sha256("x")) == 1
    acknowledged()
    assert journal.next_index(sha256("x")) == 1
    assert take(journal, entry("b"), "x") == 1
    assert take(journal, entry("a", "2"), "y") == 0
    assert take(journal, entry("a", "3"), "x") == 2, "what comes back to a name after other bytes is a new frame"


def test_a_file_that_was_only_touched_is_the_same(path: Path) -> None:
    journal = Journal(path)
    take(journal, entry("a"), "x")
    assert journal.same(entry("a", "2"), sha256("x"))
    assert not journal.same(entry("a", "2"), sha256("y"))
    assert not journal.same(entry("b"), sha256("x"))
    journal.close()
    assert Journal(path).knows(entry("a", "2"))


def test_what_left_is_forgotten_after_a_time_and_not_before(path: Path) -> None:
    journal = Journal(path)
    for name in "abc":
        take(journal, entry(name), name)
    journal.listed({"a"})
    journal.listed({"a", "b"})  # b is back: a share that was not mounted for a moment
    journal.forget(now() - timedelta(days=7))
    assert all(journal.knows(entry(name)) for name in "abc")
    journal.forget(now() + timedelta(seconds=1))
    assert [journal.knows(entry(name)) for name in "abc"] == [True, True, False]
    assert [journal.next_index(sha256(name)) for name in "abc"] == [1, 1, 0]
    journal.listed({"a", "b"})
    journal.close()
    with sqlite3.connect(path) as rows:
        assert rows.execute("SELECT count(*) FROM files").fetchone() == (2,)
        assert rows.execute("SELECT count(*) FROM copies").fetchone() == (2,)


def test_a_file_that_is_gone_when_it_is_acknowledged_is_forgotten_too(path: Path) -> None:
    journal = Journal(path)
    acknowledged = journal.offered(entry("a"), sha256("a"), "a-0")
    journal.listed(set())
    acknowledged()
    journal.listed(set())
    journal.forget(now() + timedelta(seconds=1))
    assert not journal.knows(entry("a"))


def test_while_the_disk_takes_nothing_it_waits_and_nothing_is_forgotten(path: Path) -> None:
    journal = Journal(path)
    rows = journal._rows
    rows.execute(f"PRAGMA max_page_count = {rows.execute('PRAGMA page_count').fetchone()[0]}")
    many = [entry(f"{number}-{'x' * 1000}") for number in range(20)]
    for number, one in enumerate(many):
        journal.offered(one, sha256(str(number)), "id")()  # the broker's answer is never an error
    with pytest.raises(DependencyDown, match=r"disk: the journal cannot be written: .*full"):
        journal.listed(set())
    rows.execute("PRAGMA max_page_count = 100000")
    journal.listed({one.name for one in many})
    journal.close()
    again = Journal(path)
    assert all(again.knows(one) for one in many)
    assert again.next_index(sha256("0")) == 1


def test_a_journal_has_one_owner_and_a_broken_one_says_what_to_do(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(Refused, match="another process follows this source already"):
        Journal(path)
    journal.close()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Refused, match="Moved away, the journal begins anew"):
        Journal(path)

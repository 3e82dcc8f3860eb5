"""What was taken of a followed source, on disk: each file or object once, however often the process is killed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from winnow.clock import EPOCH, now, to_ms
from winnow.errors import DependencyDown, Refused

KEPT = timedelta(days=7)
PRUNED_EVERY = timedelta(hours=1)
"""So long is what left the source remembered: a share that was not mounted for a while is not taken anew."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS files (
        name TEXT PRIMARY KEY, version TEXT NOT NULL, sha256 BLOB, frame_id TEXT, refused TEXT, gone_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS files_sha256 ON files (sha256);
    CREATE TABLE IF NOT EXISTS copies (
        sha256 BLOB PRIMARY KEY, taken INTEGER NOT NULL, last_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
"""


class Entry(NamedTuple):
    """A file or object as a listing shows it; another `version` may be other bytes."""

    name: str
    version: str
    modified_ms: int


class Journal:
    """The journal of one source; for one thread of one process. About 300 bytes of memory for each file.

    Written after the broker's acknowledgement, and left to the operating system: a process that is killed repeats at
    most what was in flight, a machine that loses power perhaps a little more, under the same ids. What writes raises
    `DependencyDown` while the disk does not take it.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` None: nothing is remembered. Raises `Refused` where another process has it, or it is none."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = sqlite3.connect(path or ":memory:", timeout=0, isolation_level=None)
        try:
            self._rows.execute("PRAGMA locking_mode = EXCLUSIVE")  # held until `close`, or the process's end
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = NORMAL")
            self._rows.executescript(SCHEMA)
            self._known: dict[str, tuple[str, bytes | None]] = {
                name: (version, sha256)
                for name, version, sha256 in self._rows.execute("SELECT name, version, sha256 FROM files")
            }
            self._gone = {name for (name,) in self._rows.execute("SELECT name FROM files WHERE gone_ms IS NOT NULL")}
        except sqlite3.DatabaseError as error:
            self._rows.close()
            if "locked" in str(error):
                raise Refused(f"another process follows this source already; it holds {path}") from error
            raise Refused(f"{path}: {error}. Moved away, the journal begins anew and all is sent again") from error
        self._in_flight: Counter[bytes] = Counter()
        self._unwritten: list[tuple[Entry, bytes, str]] = []
        self._pruned_at = EPOCH

    def knows(self, entry: Entry) -> bool:
        """This version was taken or refused, or is on its way."""
        return entry.name in self._known and self._known[entry.name][0] == entry.version

    def same(self, entry: Entry, sha256: bytes) -> bool:
        """The entry's last version had these bytes: from now on this version is known too."""
        if entry.name not in self._known or self._known[entry.name][1] != sha256:
            return False
        with self._transaction():
            self._rows.execute("UPDATE files SET version = ? WHERE name = ?", (entry.version, entry.name))
        self._known[entry.name] = (entry.version, sha256)
        return True

    def next_index(self, sha256: bytes) -> int:
        """How many frames with these bytes there were before, those in flight included."""
        row = self._rows.execute("SELECT taken FROM copies WHERE sha256 = ?", (sha256,)).fetchone()
        return (row[0] if row else 0) + self._in_flight[sha256]

    def offered(self, entry: Entry, sha256: bytes, frame_id: str) -> Callable[[], None]:
        """The entry is on its way; what is given back is to be called when the broker has acknowledged it."""
        self._known[entry.name] = (entry.version, sha256)
        self._in_flight[sha256] += 1

        def acknowledged() -> None:
            # The broker's answers come in the middle of other things: what cannot be written now is written later.
            self._unwritten.append((entry, sha256, frame_id))
            with suppress(DependencyDown):
                self.write()

        return acknowledged

    def write(self) -> None:
        """Writes what was acknowledged and is not written yet."""
        while self._unwritten:
            entry, sha256, frame_id = self._unwritten[0]
            with self._transaction():
                self._write(entry, sha256, frame_id, None)
                self._rows.execute(
                    "INSERT INTO copies VALUES (?, 1, ?)"
                    " ON CONFLICT DO UPDATE SET taken = taken + 1, last_ms = excluded.last_ms",
                    (sha256, to_ms(now())),
                )
            del self._unwritten[0]
            self._in_flight[sha256] -= 1

    def refused(self, entry: Entry, why: str) -> None:
        """This version is not taken, and was told."""
        with self._transaction():
            self._write(entry, None, None, why)
        self._known[entry.name] = (entry.version, None)

    def listed(self, names: set[str]) -> None:
        """All that the source holds now; what has not been there for `KEPT` is forgotten. Raises `DependencyDown`."""
        self.write()
        gone, at = self._known.keys() - names, now()
        if gone != self._gone:
            marks = [(to_ms(at), name) for name in gone - self._gone] + [(None, name) for name in self._gone - gone]
            with self._transaction():
                self._rows.executemany("UPDATE files SET gone_ms = ? WHERE name = ?", marks)
            self._gone = gone
        if at >= self._pruned_at + PRUNED_EVERY:
            self.forget(at - KEPT)
            self._pruned_at = at

    def forget(self, before: datetime) -> None:
        """Forgets files that left before that moment, and bytes that no file has had since."""
        with self._transaction():
            rows = self._rows.execute("DELETE FROM files WHERE gone_ms < ? RETURNING name", (to_ms(before),)).fetchall()
            self._rows.execute(
                "DELETE FROM copies WHERE last_ms < ?"
                " AND NOT EXISTS (SELECT 1 FROM files WHERE files.sha256 = copies.sha256)",
                (to_ms(before),),
            )
        for (name,) in rows:
            del self._known[name]
            self._gone.discard(name)
        self._in_flight += Counter()  # drops the zeros

    def close(self) -> None:
        self._rows.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._rows.execute("BEGIN")
            yield
            self._rows.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._rows.in_transaction:
                self._rows.execute("ROLLBACK")
            raise DependencyDown(f"disk: the journal cannot be written: {error}") from error

    def _write(self, entry: Entry, sha256: bytes | None, frame_id: str | None, why: str | None) -> None:
        row = (entry.name, entry.version, sha256, frame_id, why)
        self._rows.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, NULL)", row)
        self._gone.discard(entry.name)


def path_of(folder: Path, *identity: str) -> Path:
    """Where the journal of what these words name lies."""
    return folder / f"followed-{hashlib.sha256(chr(0).join(identity).encode()).hexdigest()[:20]}.sqlite"

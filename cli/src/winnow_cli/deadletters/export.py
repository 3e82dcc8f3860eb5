"""Dead letters as files: the raw bytes of each, and an index. Nothing is ever overwritten.

The index is JSON lines: first what the export is of, then a line for each letter, written when its bytes are in their
file. An export that was cut off anywhere goes on where it stopped, and one that is repeated adds what has come since.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from winnow.errors import Refused
from winnow.kafka.record import Record
from winnow_cli.deadletters.letters import Letter

INDEX = "letters.jsonl"
Where = tuple[str, int, int]


@dataclass(slots=True)
class Exported:
    written: int = 0
    there: int = 0
    size_bytes: int = 0


class Export:
    """A folder that holds one export. `of` says which: where from, and what was chosen.

    Raises `Refused` where the folder holds something else, or where the disk does not take it.
    """

    def __init__(self, folder: Path, of: dict[str, Any]) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._there = self._begin(of)
        except OSError as error:
            raise Refused(f"{folder}: {error.strerror}; nothing was exported") from error

    def missing(self, letters: Iterable[Letter]) -> list[Letter]:
        """Those that the folder does not have yet."""
        return [letter for letter in letters if (letter.topic, letter.partition, letter.offset) not in self._there]

    def write(self, records: Iterable[tuple[Letter, Record]], progress: Callable[[int], None]) -> Exported:
        done = Exported(there=len(self._there))
        try:
            with (self._folder / INDEX).open("ab") as index:
                for letter, record in records:
                    file = self._write_value(letter, record.value)
                    _append(index, _entry(letter, record, file))
                    done.written += 1
                    done.size_bytes += len(record.value or b"")
                    progress(1)
        except OSError as error:
            raise Refused(
                f"{self._folder}: {error.strerror}. {done.there + done.written} letters are there and whole; "
                "the same command goes on with the others"
            ) from error
        return done

    def _begin(self, of: dict[str, Any]) -> set[Where]:
        index = self._folder / INDEX
        head = json.dumps({"export": of}).encode()
        if not index.exists() or not index.stat().st_size:
            others = sorted(path.name for path in self._folder.iterdir() if path != index)
            if others:
                raise Refused(f"{self._folder} is not empty ({others[0]}) and no export; nothing was written there")
            with index.open("ab") as made:
                _append(made, {"export": of})
            return set()
        whole, newline, torn = index.read_bytes().rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        if not lines and head.startswith(torn):  # killed while it was begun
            lines, torn = [head], torn[:0]
            index.write_bytes(head + b"\n")
        if not lines or lines[0] != head:
            raise Refused(
                f"{index} is of another export, or of none; nothing was written. It begins with "
                f"{(lines or [torn])[0][:300].decode(errors='replace')}. Give this export a folder of its own"
            )
        if torn:  # killed while a line was written: its letter comes again
            os.truncate(index, len(whole) + 1)
        entries = [json.loads(line) for line in lines[1:]]
        return {(entry["topic"], entry["partition"], entry["offset"]) for entry in entries}

    def _write_value(self, letter: Letter, value: bytes | None) -> str | None:
        if value is None:
            return None
        path = self._folder / letter.topic / f"{letter.partition}-{letter.offset}.bin"
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            there = path.read_bytes()
            if not value.startswith(there):
                raise Refused(f"{path} is there with other bytes; it was not overwritten. Move it away")
            file.write(value[len(there) :])  # all of it, or what was missing when this was killed
        return str(path.relative_to(self._folder))


def _entry(letter: Letter, record: Record, file: str | None) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "at": letter.at.isoformat(),
        "own_topic": letter.own_topic,
        "place": letter.place,
        "service": letter.service,
        "error_class": letter.error_class,
        "error": letter.error,
        "attempt": letter.attempt,
        "redriven": letter.redriven,
        "key": _both(record.key),
        "headers": [{"name": name, **(_both(value) or {})} for name, value in record.headers],
        "size_bytes": None if record.value is None else len(record.value),
        "file": file,
    }


def _both(value: bytes | None) -> dict[str, str | None] | None:
    """Bytes in base64, and as text where they are UTF-8."""
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = None
    return {"text": text, "base64": base64.b64encode(value).decode()}


def _append(index: BinaryIO, line: dict[str, Any]) -> None:
    index.write(json.dumps(line).encode() + b"\n")
    index.flush()

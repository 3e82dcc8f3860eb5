"""The spool on a real disk: kills at any point, full disks, torn and damaged files, two processes."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.adapters import spool_file
from ingest.adapters.spool import ASIDE, NoRoom, Spool, room_for
from ingest.adapters.spool_file import Damaged
from winnow.clock import from_ms
from winnow.errors import Refused
from winnow.events import Frame

LIMIT_BYTES = 64 * 1024 * 1024


def frame(number: int, camera: str = "yard", size: int = 5000) -> Frame:
    image = b"\xff\xd8\xff" + number.to_bytes(8, "big") * (size // 8)
    return Frame(
        f"{camera}-{number}", camera, from_ms(1_700_000_000_000 + number), number, "image/jpeg", image, {"a": "b"}
    )


def put(spool: Spool, *frames: Frame) -> None:
    """Frames, on the disk when this returns."""
    for one in frames:
        spool.reserve(room_for(len(one.image)))  # type: ignore[arg-type]
    for written in [spool.put(one) for one in frames]:
        written.result(10)


def drained(spool: Spool) -> Iterator[Frame]:
    while file := spool.first(0):
        yield from spool.read(file)
        spool.remove(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_frames_come_back_in_order_as_they_were_after_a_new_start(folder: Path) -> None:
    spool = Spool(folder, LIMIT_BYTES)
    frames = [frame(n, f"c{n % 3}") for n in range(50)]
    put(spool, *frames[:30])
    for one in frames[30:]:
        put(spool, one)
    assert spool.holds("c1") and not spool.holds("other")
    spool.close()
    again = Spool(folder, LIMIT_BYTES)
    assert again.holds("c1")
    assert list(drained(again)) == frames
    assert not again.holds("c1")
    put(again, frame(99))
    assert list(drained(again)) == [frame(99)]
    again.close()
    assert list(folder.glob("*.avro")) == []


WRITER = """
import sys
from pathlib import Path
from tests.integration.test_spool import LIMIT_BYTES, frame
from ingest.adapters.spool import Spool, room_for

spool, written = Spool(Path(sys.argv[1]), LIMIT_BYTES), []
for number in range(250):
    one = frame(number, size=200_000)
    spool.reserve(room_for(len(one.image)))
    written.append(spool.put(one))
    written[-1].add_done_callback(lambda done, number=number: print(number, flush=True))
    if number % 7 == 0:
        written[-1].result()
print("end", flush=True)
sys.stdin.read()
"""


def test_what_was_acknowledged_is_there_after_kills_at_any_point(tmp_path: Path) -> None:
    chance, cut_off = random.Random(1), 0
    for turn in range(5):
        folder = tmp_path / str(turn)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        time.sleep(chance.uniform(0, 0.1))
        writer.kill()
        lines += writer.stdout.readlines()
        writer.wait()
        acknowledged = {int(line) for line in lines if line.endswith("\n") and line != "end\n"}
        assert acknowledged, "it had begun"
        cut_off += len(acknowledged) < 250
        spool = Spool(folder, LIMIT_BYTES)
        found = list(drained(spool))
        spool.close()
        assert [one.sequence for one in found] == list(range(len(found))), "in order, none missing, none twice"
        assert acknowledged <= {one.sequence for one in found}
        assert all(one == frame(one.sequence or 0, size=200_000) for one in found), "each whole"
    assert cut_off >= 2, "most were killed at work"


def test_a_torn_file_was_never_acknowledged_and_is_removed(folder: Path) -> None:
    spool = Spool(folder, LIMIT_BYTES)
    put(spool, frame(1))
    spool.close()
    (whole,) = folder.glob("*.avro")
    torn = folder / "00000000000000000002-00000000.partial"
    torn.write_bytes(whole.read_bytes()[:1000])
    again = Spool(folder, LIMIT_BYTES)
    assert list(drained(again)) == [frame(1)]
    again.close()
    assert not torn.exists()


@pytest.mark.parametrize("at", [0, 100, -100])
def test_a_damaged_file_is_kept_aside_and_the_others_are_sent(folder: Path, at: int) -> None:
    spool = Spool(folder, LIMIT_BYTES)
    for number in range(3):
        put(spool, frame(number))
    spool.close()
    damaged = sorted(folder.glob("*.avro"))[1]
    data = bytearray(damaged.read_bytes())
    data[at] ^= 1
    damaged.write_bytes(data)
    again, found = Spool(folder, LIMIT_BYTES), []
    while file := again.first(0):
        try:
            found += again.read(file)
        except Damaged as error:
            assert damaged.name in str(error)
        else:
            again.remove(file)
    again.close()
    assert found == [frame(0), frame(2)]
    assert [path.name for path in (folder / ASIDE).iterdir()] == [damaged.name]


def test_a_full_spool_refuses_and_takes_again_when_there_is_room(folder: Path) -> None:
    spool = Spool(folder, 20_000)
    put(spool, frame(1), frame(2))
    with pytest.raises(NoRoom, match=r"of 20,000 bytes taken"):
        spool.reserve(room_for(5000))
    assert list(drained(spool)) == [frame(1), frame(2)]
    put(spool, frame(3))
    assert list(drained(spool)) == [frame(3)]
    spool.close()


def test_a_disk_that_is_full_refuses_and_loses_nothing(folder: Path) -> None:
    """A limit of the size of files stands for the full disk: a write fails in the middle."""
    spool = Spool(folder, LIMIT_BYTES)
    put(spool, frame(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(NoRoom, match="cannot be written: File too large"):
            put(spool, frame(2, "gate", 100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not spool.holds("gate")
    assert not list(folder.glob("*.partial"))
    put(spool, frame(3))
    assert list(drained(spool)) == [frame(1), frame(3)]
    spool.close()


def test_two_processes_never_share_a_spool(folder: Path) -> None:
    spool = Spool(folder, LIMIT_BYTES)
    with pytest.raises(Refused, match="another process has the spool"):
        Spool(folder, LIMIT_BYTES)
    spool.close()
    Spool(folder, LIMIT_BYTES).close()


def test_any_avro_tool_reads_a_file(folder: Path) -> None:
    import fastavro

    spool = Spool(folder, LIMIT_BYTES)
    put(spool, frame(1))
    spool.close()
    (path,) = folder.glob("*.avro")
    with path.open("rb") as file:
        (record,) = fastavro.reader(file)  # type: ignore[misc]
    assert record["frame_id"] == "yard-1"  # type: ignore[index, call-overload]
    assert spool_file.look(path).cameras == {"yard": 1}

"""The upload API on the real servers: what is taken, what is refused and why, and that nothing is half taken."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import stat
import struct
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.support.pictures import picture
from tests.support.uploads import Answer, Door, answer_of, archive, form, open_door
from tests.support.world import World, eventually

from ingest.adapters.uploads.keys import make_key
from winnow.codec import Codec
from winnow.events import Frame, ImageRef, Outcome, Verdict
from winnow.identity import frame_id_of_file
from winnow_cli.stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def shared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Door]]:
    """One door for the tests that only ask; frames of each test are told apart by their pictures."""
    world = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("uploads"))
    world.prepare()
    try:
        yield world, open_door(world)
    finally:
        world.close()


@pytest.fixture
def door(shared: tuple[World, Door]) -> Iterator[Door]:
    yield shared[1]
    assert shared[1].service.process.poll() is None, "it still runs"


@pytest.fixture
def nothing(door: Door) -> Iterator[None]:
    """The broker gets nothing in this test."""
    before = door.service.metric("winnow_frames_published_total")
    yield
    assert door.service.metric("winnow_frames_published_total") == before


@pytest.fixture
def frames(shared: tuple[World, Door]) -> Frames:
    return Frames(shared[0])


class Frames:
    """What came to the broker since the test began."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = {(r.partition, r.offset) for r in world.records(world.names.frames)}

    def new(self) -> list[Frame]:
        codec: Codec = self._world.codec
        records = self._world.records(self._world.names.frames)
        return [codec.decode(Frame, r.value) for r in records if (r.partition, r.offset) not in self._before]


def png(seed: int = 1, size: tuple[int, int] = (64, 48)) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return bytes(cv2.imencode(".png", noise)[1])


def webp(seed: int = 1) -> bytes:
    return bytes(cv2.imencode(".webp", cv2.imdecode(np.frombuffer(png(seed), np.uint8), 1))[1])


def giant_png() -> bytes:
    """1.6 gigapixels by its header."""
    header = struct.pack(">II5B", 40_000, 40_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0\0\0\0" + png()[33:]


def giant_jpeg() -> bytes:
    """65,535 x 65,535 by its header."""
    made = bytearray(picture(1))
    at = made.index(b"\xff\xc0")
    made[at + 5 : at + 9] = b"\xff" * 4
    return bytes(made)


def refused(answer: Answer) -> tuple[int, str]:
    assert {"reason", "detail", "files", "taken"} == set(answer.body), answer
    assert answer.body["taken"] == []
    assert answer.body["detail"]
    reasons = {file["reason"] for file in answer.body["files"]}
    return answer.status, reasons.pop() if len(reasons) == 1 else answer.body["reason"]


def test_an_image_is_published_as_it_is_under_the_id_of_its_bytes(door: Door, frames: Frames) -> None:
    image = picture(1)
    frame_id = frame_id_of_file("yard", hashlib.sha256(image).hexdigest(), 0)
    sent = door.send(image, query="?captured_at=2026-05-01T08:00:00.250%2B02:00&sequence=7")
    assert sent.status == 201
    (frame,) = frames.new()
    assert (frame.camera_id, frame.image, frame.content_type, frame.sequence) == ("yard", image, "image/jpeg", 7)
    assert frame.captured_at.isoformat() == "2026-05-01T06:00:00.250000+00:00"
    assert frame.frame_id == frame_id
    assert sent.frame == {
        "name": None,
        "frame_id": frame.frame_id,
        "captured_at": "2026-05-01T06:00:00.250000Z",
        "status": "published",
    }


def test_without_a_time_exif_has_it_else_it_is_when_it_came(door: Door) -> None:
    from PIL import Image

    out = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:04:03 02:01:00"
    Image.new("RGB", (32, 32), (9, 80, 30)).save(out, "JPEG", exif=exif)
    assert door.send(out.getvalue()).frame["captured_at"] == "2026-04-03T02:01:00Z"
    assert door.send(picture(2)).frame["captured_at"] > "2026-06"


@pytest.mark.parametrize("make", [png, webp])
def test_png_and_webp_are_encoded_once_and_a_retry_is_the_same_frame(door: Door, frames: Frames, make: object) -> None:
    image = make(11)  # type: ignore[operator]
    kind = "image/png" if make is png else "image/webp"
    first, again = door.send(image, kind), door.send(image, kind)
    assert first.frame["frame_id"] == again.frame["frame_id"]
    one, other = frames.new()
    assert one.image == other.image
    assert isinstance(one.image, bytes) and one.image.startswith(b"\xff\xd8\xff")


def test_a_retried_upload_is_judged_once(world: World) -> None:
    door = open_door(world)
    world.start("selector")
    image = picture(3)
    assert {door.send(image).status for _ in range(3)} == {201}
    verdicts = eventually(
        lambda: len(found := world.events(world.names.verdicts, Verdict)) == 3 and found, what="verdicts"
    )
    assert len({v.frame_id for v in verdicts}) == 1
    assert [v.outcome is Outcome.REDELIVERED for v in verdicts] == [False, True, True]


def test_a_large_image_goes_by_reference(door: Door, frames: Frames) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (900, 1600, 3), np.uint8)
    image = bytes(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])
    assert len(image) > 1_000_000
    assert door.send(image).status == 201
    (frame,) = frames.new()
    assert isinstance(frame.image, ImageRef)
    assert frame.image.size_bytes == len(image)


REFUSED = {
    "empty": (b"", "image/jpeg", "", 422, "empty"),
    "text": (b"hello", "image/jpeg", "", 415, "not_an_image"),
    "gif": (b"GIF89a" + bytes(50), "image/jpeg", "", 415, "not_an_image"),
    "zip as image": (archive(("a.jpg", b"x")), "image/jpeg", "", 415, "nested_archive"),
    "type": (b"hello", "text/plain", "", 415, "media_type"),
    "no type": (picture(4), None, "", 415, "media_type"),
    "damaged png": (png()[:200], "image/png", "", 422, "damaged"),
    "giant jpeg": (giant_jpeg(), "image/jpeg", "", 422, "too_many_pixels"),
    "giant": (giant_png(), "image/png", "", 422, "too_many_pixels"),
    "sequence": (picture(4), "image/jpeg", "?sequence=9223372036854775808", 422, "parameter"),
    "time": (picture(4), "image/jpeg", "?captured_at=yesterday", 422, "parameter"),
    "misspelt": (picture(4), "image/jpeg", "?captured=2026-05-01T08:00:00Z", 422, "parameter"),
    "time's edge": (picture(4), "image/jpeg", "?captured_at=0001-01-01T00:00:00%2B14:00", 422, "parameter"),
    "frame id": (picture(4), "image/jpeg", "?frame_id=%00", 422, "parameter"),
    "id of many": (form(("a.jpg", picture(4))), "multipart/form-data; boundary=cut", "?frame_id=a", 422, "parameter"),
    "no boundary": (form(("a.jpg", picture(4))), "multipart/form-data", "", 422, "form"),
    "cut form": (form(("a.jpg", picture(4)))[:-20], "multipart/form-data; boundary=cut", "", 422, "form"),
    "no form": (b"hello", "multipart/form-data; boundary=cut", "", 422, "form"),
    "empty form": (b"--cut--\r\n", "multipart/form-data; boundary=cut", "", 422, "form"),
    "no zip": (b"hello", "application/zip", "", 422, "damaged"),
    "empty zip": (archive(), "application/zip", "", 422, "no_file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_reason(door: Door, nothing: None, case: str) -> None:
    body, kind, query, status, reason = REFUSED[case]
    assert refused(door.send(body, kind, query=query)) == (status, reason)


def test_one_wrong_file_and_nothing_of_the_request_is_taken(door: Door, frames: Frames) -> None:
    """Each refused file is named with its reason, the others are not."""
    files = [(f"{n}.jpg", picture(20 + n)) for n in range(3)]
    wrong = [("notes.txt", b"hello"), ("b.png", png()[:99])]
    for answer in (
        door.form(*files[:2], *wrong, *files[2:]),
        door.send(archive(*files[:2], *wrong, *files[2:]), "application/zip"),
    ):
        assert answer.status == 422
        named = [(file["name"], file["reason"]) for file in answer.body["files"]]
        assert named == [("notes.txt", "not_an_image"), ("b.png", "damaged")]
    assert frames.new() == []
    for answer in (door.form(*files), door.send(archive(*files), "application/zip")):
        assert answer.status == 201
        assert [frame["name"] for frame in answer.body["frames"]] == ["0.jpg", "1.jpg", "2.jpg"]
    found = frames.new()
    assert [frame.image for frame in found] == [image for _, image in files] * 2
    assert len({frame.frame_id for frame in found}) == 3


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted() -> bytes:
    made = bytearray(archive(("a.jpg", picture(5))))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.index(signature) + at] |= 1
    return bytes(made)


def lying(size: int) -> bytes:
    """A member of 40 MB whose headers say `size`."""
    made = bytearray(
        archive(("a.jpg", b"\xff\xd8\xff" + np.random.default_rng(1).bytes(4_000_000) + bytes(36_000_000)))
    )
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", made, made.index(signature) + at, size)
    return bytes(made)


def overlapping() -> bytes:
    """5,000 entries of a directory that all lead to one member."""
    made = archive(("a.jpg", bytes(1000)))
    begin, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    directory = made[begin:end] * 5000
    counts = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 5000, 5000, len(directory), begin, 0)
    return made[:begin] + directory + counts


HOSTILE = {
    "climbs": (lambda: archive(("../a.jpg", picture(5))), 422, "climbing_path"),
    "absolute": (lambda: archive(("/etc/a.jpg", picture(5))), 422, "climbing_path"),
    "backslash": (lambda: archive(("a\\..\\b.jpg", picture(5))), 422, "climbing_path"),
    "drive": (lambda: archive(("C:a.jpg", picture(5))), 422, "climbing_path"),
    "link": (lambda: archive((link(), b"/etc/passwd")), 422, "not_a_file"),
    "nested": (lambda: archive(("more.zip", archive(("a.jpg", picture(5))))), 415, "nested_archive"),
    "encrypted": (encrypted, 422, "encrypted"),
    "bzip2": (lambda: archive(("a.jpg", picture(5)), method=zipfile.ZIP_BZIP2), 422, "compression"),
    "bomb": (lambda: archive(("a.jpg", bytes(30_000_000))), 422, "bomb"),
    "says it is small": (lambda: lying(1000), 422, "damaged"),
    "says it is huge": (lambda: lying(2**32 - 2), 413, "too_large"),
    "cut off": (lambda: archive(("a.jpg", picture(5)))[:-10], 422, "damaged"),
    "directory": (overlapping, 413, "too_many_files"),
    "too many": (lambda: archive(*((f"{n}.jpg", b"") for n in range(1001))), 413, "too_many_files"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_is_refused_and_its_member_named(door: Door, nothing: None, case: str) -> None:
    make, status, reason = HOSTILE[case]
    assert refused(answer := door.send(make(), "application/zip")) == (status, reason)
    if case in ("climbs", "absolute", "backslash", "drive"):
        assert len(answer.body["files"]) == 1
    assert list(door.spool.glob("**/*.jpg")) == []


def test_what_a_system_puts_beside_the_pictures_is_left_out(door: Door) -> None:
    made = archive(("in/", b""), ("in/a.jpg", picture(6)), ("__MACOSX/in/._a.jpg", b"x"), ("in/.DS_Store", b"x"))
    answer = door.send(made, "application/zip")
    assert [frame["name"] for frame in answer.body["frames"]] == ["in/a.jpg"]


def test_a_key_opens_its_own_camera_until_it_is_taken_back(shared: tuple[World, Door], door: Door) -> None:
    image, keys = picture(7), shared[0].folder / "upload_keys"
    assert refused(door.send(image, key="wk_guessed")) == (401, "unknown_key")
    assert refused(door.send(image, Authorization="Basic eDp5")) == (401, "no_key")
    assert refused(door.send(image, camera="gate/1 ü")) == (403, "other_camera")
    gate = make_key(keys, "gate/1 ü")
    assert door.send(image, camera="gate/1 ü", key=gate).status == 201
    assert refused(door.send(image, key=gate)) == (403, "other_camera")
    assert gate not in keys.read_text()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    keys.write_text("".join(line for line in keys.read_text().splitlines(keepends=True) if "gate" not in line))
    eventually(lambda: door.send(image, camera="gate/1 ü", key=gate).status == 401, what="the key is known no more")
    assert door.send(image).status == 201


def test_a_connection_serves_on_after_a_refusal(door: Door) -> None:
    """An early answer leaves the rest of the body on the way: the next request comes behind it all the same."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
    path, sent = "/v1/cameras/yard/frames", {"Authorization": f"Bearer {door.key}", "Content-Type": "image/jpeg"}
    for headers, status in (({"Content-Type": "image/jpeg"}, 401), (sent, 415), (sent, 415)):
        connection.request("POST", path, bytes(3_000_000), headers)
        socket = connection.sock
        assert answer_of(connection.getresponse()).status == status
        assert connection.sock is socket, "the connection is kept"
    connection.request("POST", path, picture(8), sent)
    assert answer_of(connection.getresponse()).status == 201


def test_the_page_for_programs_and_answers_elsewhere(door: Door) -> None:
    def ask(method: str, path: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
        connection.request(method, path)
        return answer_of(connection.getresponse())

    assert refused(ask("GET", "/docs")) == (404, "no_such_path")
    assert refused(ask("GET", "/v1/cameras/yard/frames")) == (405, "method")
    document = ask("GET", "/openapi.json").body
    operation = document["paths"]["/v1/cameras/{camera_id}/frames"]["post"]
    assert set(operation["responses"]) == {"201", "202", "401", "403", "408", "413", "415", "422", "503"}
    for status, response in operation["responses"].items():
        assert response["content"]["application/json"]["examples"], status
        assert "http" not in json.dumps(response)
    assert set(operation["requestBody"]["content"]) >= {"image/jpeg", "multipart/form-data", "application/zip"}


def test_two_processes_never_share_a_spool(world: World, tmp_path: Path) -> None:
    door = open_door(world)
    other = world.start(
        "ingest",
        instance="other",
        wait=False,
        WINNOW_INGEST_UPLOAD_PORT="0",
        WINNOW_INGEST_UPLOAD_KEYS_FILE=str(tmp_path / "keys"),
        WINNOW_INGEST_SPOOL_DIR=str(door.spool),
    )
    assert other.process.wait(30) == 1
    assert "another process has the spool" in other.tail()
    taken = world.start(
        "ingest",
        instance="taken",
        wait=False,
        WINNOW_INGEST_UPLOAD_PORT=str(door.port),
        WINNOW_INGEST_UPLOAD_KEYS_FILE=str(tmp_path / "keys"),
        WINNOW_INGEST_SPOOL_DIR=str(tmp_path / "spool"),
    )
    assert taken.process.wait(30) == 1
    assert "uploads cannot listen" in taken.tail()
    assert door.send(picture(9)).status == 201

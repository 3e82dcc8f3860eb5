"""Clients that are slow, endless, broken or a thousand: each is answered, in bounded memory, and the next is served."""

from __future__ import annotations

import http.client
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from tests.support.pictures import picture
from tests.support.uploads import Door, answer_of, open_door
from tests.support.world import World, eventually

from winnow_cli.stack import Stack

pytestmark = pytest.mark.stack

SHORT = {"WINNOW_INGEST_UPLOAD_READ_TIMEOUT_S": "1", "WINNOW_INGEST_UPLOAD_TIMEOUT_S": "2.5"}


@pytest.fixture(scope="module")
def shared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    world = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("uploads"))
    world.prepare()
    try:
        yield open_door(world, **SHORT)
    finally:
        world.close()


@pytest.fixture
def door(shared: Door) -> Iterator[Door]:
    """After each test the next upload is taken, and nothing but what was answered with 201 came to the broker."""
    sent = shared.service.metric('winnow_uploads_total{status="201"}')
    published = shared.service.metric("winnow_frames_published_total")
    yield shared
    assert shared.send(picture(1)).status == 201
    sent = shared.service.metric('winnow_uploads_total{status="201"}') - sent
    assert shared.service.metric("winnow_frames_published_total") == published + sent


def answer(connection: socket.socket) -> tuple[int, str]:
    """What comes back, and that the connection ends then."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    found = answer_of(response)
    return found.status, found.body["reason"]


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def drip(connection: socket.socket, data: bytes, seconds: float) -> None:
    """A byte now and then, until the other side has enough."""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return
        time.sleep(seconds)


def test_a_head_that_never_ends_is_given_up(door: Door) -> None:
    for begin in (b"", b"POST /v1/cam", b"\r\n"):
        with door.connect() as connection:
            connection.sendall(begin)
            assert answer(connection) == (408, "too_slow")
            assert ended(connection)


def test_a_head_that_drips_is_given_up(door: Door) -> None:
    with door.connect() as connection, ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip, connection, b"POST /v1/cameras/yard/frames HTTP/1.1\r\nX: " + b"x" * 100, 0.1)
        assert answer(connection) == (408, "too_slow")
        connection.close()
        dripping.result()


def test_a_second_request_that_drips_is_given_up_too(door: Door) -> None:
    with door.connect() as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        connection.sendall(b"\r\nPOST /v1/")
        assert answer(connection) == (408, "too_slow")


def test_a_body_that_stalls_or_drips_is_given_up(door: Door) -> None:
    for size, seconds in ((1000, 60.0), (1000, 0.3), (None, 60.0)):
        with door.connect() as connection, ThreadPoolExecutor(1) as pool:
            connection.sendall(door.head(size) + (b"\xff" if size else b"1\r\n\xff\r\n"))
            dripping = pool.submit(drip, connection, bytes(20), seconds) if seconds < 60 else None
            assert answer(connection) == (408, "too_slow")
            assert dripping or ended(connection), "what nobody reads any more is not waited for"
            connection.close()
            if dripping:
                dripping.result()


def test_large_bodies_that_take_their_time_hold_up_nobody(door: Door) -> None:
    slow = [door.connect() for _ in range(5)]
    for connection in slow:
        connection.sendall(door.head(32_000_000) + b"\xff")
    assert door.send(picture(1)).status == 201
    for connection in slow:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.close()


def test_a_refused_body_that_drips_is_not_waited_for(door: Door) -> None:
    with door.connect() as connection, ThreadPoolExecutor(1) as pool:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        dripping = pool.submit(drip, connection, bytes(100), 0.1)
        assert answer(connection)[0] == 404
        dripping.result()
        assert ended(connection)


def test_an_upload_that_stops_half_way_takes_nothing(door: Door) -> None:
    image = picture(2)
    for kind, size in (("image/jpeg", len(image)), ("application/zip", 10_000_000), ("image/jpeg", None)):
        with door.connect() as connection:
            connection.sendall(door.head(size, kind) + image[: len(image) // 2])
    eventually(lambda: not list(door.spool.glob("tmp*")), what="no temporary file is left")


def test_too_much_is_refused_whatever_the_head_says(door: Door) -> None:
    """Of an image 32 MiB are the most: by the head before the body is sent, and counted where the head does not say."""
    with door.connect() as connection:
        connection.sendall(door.head(32 * 1024 * 1024 + 1))
        assert answer(connection) == (413, "too_large")
    with door.connect() as connection:
        connection.sendall(door.head(None))
        chunk = b"100000\r\n" + b"\xff\xd8\xff" + bytes(0x100000 - 3) + b"\r\n"
        for _ in range(33):
            connection.sendall(chunk)
        assert answer(connection) == (413, "too_large")
    with door.connect() as connection:
        connection.sendall(door.head(257 * 1024 * 1024, "application/zip"))
        assert answer(connection) == (413, "too_large")


def test_endless_and_broken_heads_are_refused(door: Door) -> None:
    with door.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000)
        assert answer(connection) == (431, "headers")
    for broken in (
        b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 101 + b"\r\n",
        b"\0\1\2\r\n\r\n",
        b"GET http:// HTTP/9\r\n\r\n",
    ):
        with door.connect() as connection:
            connection.sendall(broken)
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_thousand_uploads_at_once_are_each_answered_in_bounded_memory(world: World) -> None:
    door = open_door(world)
    process = psutil.Process(door.service.process.pid)
    images = [picture(n) + np.random.default_rng(n).bytes(400_000) for n in range(20)]
    door.send(images[0])
    before = process.memory_info().rss
    peak, threads = before, 1000
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(door.send, images[n % 20], timeout_s=120) for n in range(threads)]
        while not all(one.done() for one in running):
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.05)
    statuses = Counter(one.result().status for one in running)
    assert set(statuses) <= {201, 202, 503}, statuses
    assert statuses[201] + statuses[202] >= 100, statuses
    published, spooled = (door.service.metric(f"winnow_{name}") for name in ("frames_published_total", "spool_frames"))
    assert published + spooled >= statuses[201] + statuses[202]
    assert peak - before < 400 * 1024 * 1024, f"{(peak - before) >> 20} MiB more for 400 MB of bodies"
    print(statuses, f"{(peak - before) >> 20} MiB more")
    assert door.send(images[0]).status in (201, 202)

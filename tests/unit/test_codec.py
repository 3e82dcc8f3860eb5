"""What the codec makes of a registry's answers: poison, a wait, or the end of the process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from winnow import codec
from winnow.codec import Codec
from winnow.errors import DependencyDown, Misconfigured, PoisonRecord
from winnow.events import Camera

UNKNOWN = {"error_code": 40403, "message": "Schema 7 not found"}


class Registry(ThreadingHTTPServer):
    """Answers every request the same, and counts them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status, self.body, self.asked = 404, json.dumps(UNKNOWN), 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        yield server
        server.shutdown()


def value(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + b"x"


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (404, json.dumps(UNKNOWN), PoisonRecord),
        (401, '{"error_code": 401, "message": "Unauthorized"}', Misconfigured),
        (403, "", Misconfigured),
        (301, "", Misconfigured),
        (404, "<html>no such page</html>", Misconfigured),
        (404, '{"error_code": 404, "message": "HTTP 404 Not Found"}', Misconfigured),
        (429, "", DependencyDown),
        (500, '{"error_code": 50001, "message": "store"}', DependencyDown),
        (503, "", DependencyDown),
    ],
)
def test_only_an_id_that_the_registry_does_not_know_is_poison(
    registry: Registry, status: int, body: str, raised: type[Exception]
) -> None:
    registry.status, registry.body = status, body
    with pytest.raises(raised, match=r"7|WINNOW_REGISTRY_URL|schema registry"):
        Codec(registry.url).decode(Camera, value(7))


def test_an_unknown_id_is_asked_for_once_for_a_while(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Codec(registry.url)
    for _ in range(50):
        with pytest.raises(PoisonRecord, match="7 is unknown"):
            ours.decode(Camera, value(7))
    assert registry.asked == 1
    with pytest.raises(PoisonRecord, match="8 is unknown"):
        ours.decode(Camera, value(8))
    assert registry.asked == 2, "another id is another question"
    monkeypatch.setattr(codec.time, "monotonic", lambda now=codec.time.monotonic: now() + codec.UNKNOWN_S)
    with pytest.raises(PoisonRecord, match="7 is unknown"):
        ours.decode(Camera, value(7))
    assert registry.asked == 3, "and after a while it is asked again"


def test_of_unknown_ids_only_so_many_are_remembered(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_UNKNOWN", 5)
    ours = Codec(registry.url)
    for schema_id in range(1, 13):
        with pytest.raises(PoisonRecord):
            ours.decode(Camera, value(schema_id))
    assert 0 < len(ours._unknown_until) <= 5

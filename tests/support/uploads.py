"""An upload door in a world, and a client that says exactly what goes over the wire."""

from __future__ import annotations

import http.client
import io
import json
import re
import resource
import socket
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ingest.adapters.uploads.keys import make_key
from tests.support.world import Service, World, eventually


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def frame(self) -> dict[str, Any]:
        (frame,) = self.body["frames"]
        return dict(frame)


@dataclass
class Door:
    """An ingest that takes uploads of camera `yard`."""

    service: Service
    port: int
    key: str
    spool: Path

    def send(
        self,
        body: bytes | None,
        content_type: str | None = "image/jpeg",
        *,
        camera: str = "yard",
        key: str | None = None,
        query: str = "",
        timeout_s: float = 30,
        **headers: str,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            sent = {"Authorization": f"Bearer {key or self.key}", **headers}
            if content_type is not None:
                sent["Content-Type"] = content_type
            connection.request("POST", f"/v1/cameras/{quote(camera, safe='')}/frames{query}", body, sent)
            return answer_of(connection.getresponse())
        finally:
            connection.close()

    def form(self, *files: tuple[str, bytes], **more: Any) -> Answer:
        return self.send(form(*files), "multipart/form-data; boundary=cut", **more)

    def fill_disk(self, room_bytes: int) -> None:
        """As a disk without room does, from now on every file of the service takes so much and no more."""
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (room_bytes, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        self.fill_disk(resource.RLIM_INFINITY)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def head(self, size: int | None, content_type: str = "image/jpeg") -> bytes:
        """The head of a request, for those who send what follows in their own way."""
        length = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
        return (
            f"POST /v1/cameras/yard/frames HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: {content_type}\r\n{length}\r\n\r\n"
        ).encode()


def open_door(world: World, *, instance: str = "ingest-0", wait: bool = True, **env: str) -> Door:
    """Starts it, again on the same spool and keys where the world had one of this name."""
    spool, keys = world.folder / f"{instance}-spool", world.folder / "upload_keys"
    key = make_key(keys, "yard")
    service = world.start(
        "ingest",
        instance=instance,
        wait=wait,
        **{
            "WINNOW_INGEST_UPLOAD_PORT": "0",
            "WINNOW_INGEST_UPLOAD_KEYS_FILE": str(keys),
            "WINNOW_INGEST_SPOOL_DIR": str(spool),
            **env,
        },
    )
    said = re.compile(r"http://127\.0\.0\.1:(\d+)/v1")
    before = service.log.read_text().count("uploads are taken") if not wait else 0
    eventually(lambda: service.log.read_text().count("uploads are taken") > before or wait, what="it takes uploads")
    port = int(said.findall(service.log.read_text())[-1])
    return Door(service, port, key, spool)


def form(*files: tuple[str, bytes]) -> bytes:
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + b"--cut--\r\n"


def archive(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as written:
        for name, data in members:
            written.writestr(name, data, method)
    return out.getvalue()


def answer_of(response: http.client.HTTPResponse) -> Answer:
    text = response.read()
    kind = response.headers.get_content_type()
    return Answer(response.status, json.loads(text) if kind == "application/json" else text, dict(response.headers))

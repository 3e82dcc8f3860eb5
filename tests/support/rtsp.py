"""A camera that speaks RTSP 1.0 (RFC 2326), over TCP (interleaved) and UDP, as badly as a test wants.

The RTP packets are those of FFmpeg's own muxer: H.264 (RFC 6184) or JPEG (RFC 2435).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from typing import Any, BinaryIO, Self
from urllib.parse import unquote

import av
import cv2
import numpy as np
from numpy.typing import NDArray

CLOCK_HZ = 90_000
NONCE = "0123456789abcdef"


class RtspCamera:
    """Plays pictures (uint8 (height, width, 3) BGR) in a circle to whoever asks, until the block ends.

    What a test may change while it plays: `pictures` (of another size, too), `stalled` (accepts and sends nothing) and
    `gone` (404); `drop` ends every connection, `switch_off` closes the port, `switch_on` opens the same one again.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[Any]],
        *,
        codec: str = "h264",
        fps: float = 20.0,
        login: str = "",
        scheme: str = "Digest",
    ) -> None:
        self.pictures = list(pictures)
        self.codec = codec
        self.fps = fps
        self.login = login
        self.scheme = scheme
        self.stalled = threading.Event()
        self.gone = threading.Event()
        self.heard: list[str] = []
        """Method of each request, in order."""
        self._port = 0
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self.switch_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.switch_off()

    @property
    def url(self) -> str:
        return self.url_for(self.login)

    def url_for(self, login: str) -> str:
        return f"rtsp://{login}{'@' if login else ''}127.0.0.1:{self._port}/live"

    def switch_on(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def switch_off(self) -> None:
        if self._listener is not None:
            # Alone, close() would leave the port open until the thread's accept() returns.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop()

    def drop(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        session = _Session(self, connection)
        try:
            with contextlib.suppress(OSError):
                session.serve(connection.makefile("rb"))
        finally:
            session.over.set()
            self._connections.discard(connection)
            connection.close()


class _Session:
    def __init__(self, camera: RtspCamera, connection: socket.socket) -> None:
        self.over = threading.Event()
        self._camera = camera
        self._connection = connection
        self._writing = threading.Lock()
        self._send: Callable[[bytes], None] = self._interleaved

    def serve(self, requests: BinaryIO) -> None:
        while (first := requests.read(1)) and not self.over.is_set():
            if first == b"$":  # a receiver's report
                requests.read(int.from_bytes(requests.read(3)[1:], "big"))
                continue
            head = [(first + requests.readline()).decode().strip()]
            while line := requests.readline().decode().strip():
                head.append(line)
            fields = dict(re.split(r":\s*", line, maxsplit=1) for line in head[1:])
            requests.read(int(fields.get("Content-Length", 0)))
            self._camera.heard.append(head[0].split()[0])
            self._answer(*head[0].split()[:2], fields)

    def _answer(self, method: str, uri: str, fields: dict[str, str]) -> None:
        camera = self._camera
        if camera.gone.is_set():
            return self._reply("404 Not Found", fields)
        if camera.login and method != "OPTIONS" and not self._admitted(method, uri, fields.get("Authorization", "")):
            asked = f'{camera.scheme} realm="camera"' + (f', nonce="{NONCE}"' if camera.scheme == "Digest" else "")
            return self._reply("401 Unauthorized", fields, [f"WWW-Authenticate: {asked}"])
        if method == "DESCRIBE":
            return self._reply("200 OK", fields, ["Content-Type: application/sdp"], self._sdp())
        if method == "SETUP":
            return self._reply("200 OK", fields, [f"Transport: {self._transport(fields['Transport'])}"])
        self._reply("200 OK", fields, ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"])
        if method == "PLAY":
            threading.Thread(target=self._play, daemon=True).start()
        if method == "TEARDOWN":
            self.over.set()
        return None

    def _reply(self, status: str, fields: dict[str, str], more: Sequence[str] = (), body: str = "") -> None:
        head = [f"RTSP/1.0 {status}", f"CSeq: {fields['CSeq']}", "Session: 1;timeout=60", *more]
        head += [f"Content-Length: {len(body)}", "", body]
        with self._writing:
            self._connection.sendall("\r\n".join(head).encode())

    def _admitted(self, method: str, uri: str, given: str) -> bool:
        login = unquote(self._camera.login)
        if self._camera.scheme == "Basic":
            return given == "Basic " + base64.b64encode(login.encode()).decode()
        user, _, password = login.partition(":")
        secret, request = (_md5(text) for text in (f"{user}:camera:{password}", f"{method}:{uri}"))
        return f'response="{_md5(f"{secret}:{NONCE}:{request}")}"' in given

    def _sdp(self) -> str:
        kind, name = (26, "JPEG") if self._camera.codec == "mjpeg" else (96, "H264")
        lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += [f"m=video 0 RTP/AVP {kind}", f"a=rtpmap:{kind} {name}/{CLOCK_HZ}", "a=control:track0", ""]
        return "\r\n".join(lines)

    def _transport(self, asked: str) -> str:
        if "TCP" in asked:
            return "RTP/AVP/TCP;unicast;interleaved=0-1"
        ports = re.search(r"client_port=(\d+)-(\d+)", asked)
        assert ports is not None
        data, control = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        for sender, port in ((data, ports[1]), (control, ports[2])):
            sender.bind(("127.0.0.1", 0))
            sender.connect(("127.0.0.1", int(port)))
        self._send = lambda packet: (control if _is_report(packet) else data).sendall(packet)
        own = f"{data.getsockname()[1]}-{control.getsockname()[1]}"
        return f"RTP/AVP;unicast;client_port={ports[1]}-{ports[2]};server_port={own}"

    def _interleaved(self, packet: bytes) -> None:
        with self._writing:
            self._connection.sendall(b"$" + bytes([_is_report(packet)]) + len(packet).to_bytes(2, "big") + packet)

    def _play(self) -> None:
        with contextlib.suppress(OSError):
            muxer = _Muxer(self._camera.codec, self._send)
            for number in count():
                if self.over.wait(1 / self._camera.fps):
                    return
                if not self._camera.stalled.is_set():
                    pictures = self._camera.pictures
                    muxer.send(pictures[number % len(pictures)], round(number * CLOCK_HZ / self._camera.fps))


class _Muxer:
    """Encodes pictures, in H.264 with a key frame whenever the size changes, and sends them as RTP packets."""

    def __init__(self, codec: str, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._codec = codec
        self._container = av.open(self, "w", format="rtp", container_options={"packetsize": "1400"})
        self._stream = self._container.add_stream("mjpeg" if codec == "mjpeg" else "libx264", rate=25)
        self._stream.width, self._stream.height = 320, 240
        self._stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        self._encoder: Any = None

    def write(self, packet: bytes) -> int:
        """What the container writes: one RTP or RTCP packet a call."""
        self._send(bytes(packet))
        return len(packet)

    def send(self, picture: NDArray[Any], pts: int) -> None:
        for packet in self._packets(picture, pts):
            packet.stream, packet.time_base = self._stream, Fraction(1, CLOCK_HZ)
            self._container.mux(packet)

    def _packets(self, picture: NDArray[Any], pts: int) -> list[Any]:
        if self._codec == "mjpeg":
            packet = av.Packet(jpeg_of(picture))
            packet.pts = packet.dts = pts
            return [packet]
        height, width = picture.shape[:2]
        if self._encoder is None or (self._encoder.width, self._encoder.height) != (width, height):
            self._encoder = av.CodecContext.create("libx264", "w")
            self._encoder.width, self._encoder.height, self._encoder.pix_fmt = width, height, "yuv420p"
            self._encoder.time_base = Fraction(1, CLOCK_HZ)
            self._encoder.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "x264-params": "keyint=5:repeat-headers=1",
            }
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(1, CLOCK_HZ)
        return list(self._encoder.encode(frame))


def jpeg_of(picture: NDArray[Any]) -> bytes:
    """The picture as a test's camera has it: baseline, 4:2:0, the standard's own Huffman tables."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def _is_report(packet: bytes) -> bool:
    return packet[1] == 200


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()

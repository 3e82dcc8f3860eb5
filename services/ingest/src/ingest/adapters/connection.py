"""How FFmpeg is to open a live camera."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from ingest.domain.address import RTSP, USB, live_scheme

if TYPE_CHECKING:
    from ingest.domain.source import Source  # at run time the child would pay for it: pydantic

PROTOCOLS = "rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto"
"""What a camera's answers may lead to: never a file."""

ANALYSE_S = 1.0
"""FFmpeg looks so long at a stream before its first frame is given; its own 5 s would be the first frame's delay."""


@dataclass(frozen=True)
class Connection:
    """`ways` are options of FFmpeg's demuxer `format`, each tried where the one before cannot be."""

    address: str
    format: str
    ways: list[dict[str, str]]
    timeout_s: float
    fps: float | None

    @classmethod
    def of(cls, source: Source) -> Self:
        kind, ways = _ways(source)
        address = source.source.partition(":")[2] if kind == "v4l2" else source.source
        return cls(address, kind, ways, source.timeout_s, source.fps)

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def _ways(source: Source) -> tuple[str, list[dict[str, str]]]:
    scheme = live_scheme(source.source)
    if scheme == USB:
        # JPEGs of the camera's own where it has them: no decoding, no second encoding.
        return "v4l2", [{"input_format": "mjpeg"}, {}]
    network = {
        "protocol_whitelist": PROTOCOLS,
        "analyzeduration": f"{ANALYSE_S * 1e6:.0f}",
        "fpsprobesize": "0",  # else the first 20 frames are held back to see how often they come
    }
    if scheme in RTSP:
        return "rtsp", [{**network, "rtsp_transport": source.transport, "allowed_media_types": "video"}]
    return "mpjpeg", [network]

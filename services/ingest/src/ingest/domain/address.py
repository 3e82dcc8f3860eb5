"""Where a live camera is, and how that is written where others read it."""

from __future__ import annotations

from urllib.parse import urlsplit

RTSP = ("rtsp", "rtsps")
HTTP = ("http", "https")
USB = "usb"


def live_scheme(source: str) -> str | None:
    """`rtsp`, `rtsps`, `http`, `https` or `usb` where the source is a live camera, None where it is none."""
    scheme, colon, _ = source.partition(":")
    scheme = scheme.lower()
    return scheme if colon and scheme in (*RTSP, *HTTP, USB) else None


def has_host(source: str) -> bool:
    """Whether a URL names a host, and a port that can be one."""
    try:
        url = urlsplit(source)
        return bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def shown(source: str) -> str:
    """The source as it may stand in logs: a URL without name, password and query, which carry secrets."""
    if live_scheme(source) in (None, USB):
        return source
    try:
        url = urlsplit(source)
    except ValueError:
        return source.partition(":")[0] + "://…"
    query = "?…" if url.query else ""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}{query}"

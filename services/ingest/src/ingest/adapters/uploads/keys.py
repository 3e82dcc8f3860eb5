"""Keys of cameras: a file with a line for each, `SHA-256 of the key in hex, space, camera id`."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

import structlog

log = structlog.get_logger()

PREFIX = "wk_"
KEY_BYTES = 32
"""Drawn at random, so that one round of SHA-256 hides it as well as a slow hash would."""

LOOK_EVERY_S = 1.0
"""A look at the file lets another thread go first: 5 to 100 us of each request."""


def make_key(file: Path, camera_id: str) -> str:
    """Adds a key for the camera and gives it; it is not written anywhere. Raises `OSError`."""
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    line = f"{_hash(key)} {camera_id}\n"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as keys:
        fcntl.flock(keys, fcntl.LOCK_EX)
        keys.write(line.encode())
    return key


class Keys:
    """The keys of a file, read again when it has changed. A file that is not there has none.

    A key that was added holds at once, one that was removed for `LOOK_EVERY_S` more.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._look_at_s = 0.0
        self._read_as: tuple[int, int, int] | None = None
        self._hashes: dict[str, list[str]] = {}
        self._all: frozenset[str] = frozenset()

    def allows(self, key: str, camera_id: str) -> bool:
        """Whether it is a key of the camera. Compares in a time that tells nothing of the key."""
        hashed = _hash(key)
        if time.monotonic() < self._look_at_s and self._holds(hashed, camera_id):
            return True
        self._refresh()
        return self._holds(hashed, camera_id)

    def knows(self, key: str) -> bool:
        """Whether it is a key of any camera."""
        return _hash(key) in self._all

    def _holds(self, hashed: str, camera_id: str) -> bool:
        return any(hmac.compare_digest(hashed, known) for known in self._hashes.get(camera_id, ()))

    def _refresh(self) -> None:
        self._look_at_s = time.monotonic() + LOOK_EVERY_S
        try:
            status = self._file.stat()
            found = (status.st_mtime_ns, status.st_size, status.st_ino)
            if found == self._read_as:
                return
            lines = self._file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            found, lines = (0, 0, 0), []
        except OSError as error:
            log.error("the upload keys cannot be read; those read before hold", reason=str(error))
            return
        hashes: dict[str, list[str]] = {}
        for line in lines:
            hashed, _, camera_id = line.partition(" ")
            hashes.setdefault(camera_id, []).append(hashed)
        self._read_as, self._hashes, self._all = found, hashes, frozenset(h for known in hashes.values() for h in known)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()

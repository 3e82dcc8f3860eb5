"""A tool's own Python environment, below the cache, from its pinned and hashed requirements."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from winnow_cli.bench.peers.catalogue import Peer

INSTALL_S = 300.0


class NotInstalled(Exception):
    """The tool is not to be had on this machine; the message is the installer's reason."""


def python_of(peer: Peer, cache: Path, say: Callable[[str], None]) -> Path:
    """The environment's interpreter; the environment is made where there is none of these requirements yet.

    It is made beside its place and moved there whole: an interrupted one is never used. Raises `NotInstalled`.
    """
    digest = hashlib.blake2b(peer.requirements.read_bytes(), digest_size=8).hexdigest()
    place = cache / "peers" / f"{peer.module}-{digest}"
    if not place.exists():
        say(f"{peer.name} {peer.version}: making its environment (once)")
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=place.parent, prefix=".partial-"))
        try:
            _uv(cache, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(partial))
            # Nothing but what is listed: one of the packages asks for gigabytes that are of no use here.
            requirements = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(peer.requirements))
            _uv(cache, "pip", "install", "--quiet", "--python", str(partial / "bin" / "python"), *requirements)
            if not place.exists():
                partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return place / "bin" / "python"


def _uv(cache: Path, *arguments: str) -> None:
    settings = {"UV_CACHE_DIR": str(cache / "uv"), "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "uv", *arguments],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"the installer was not done after {INSTALL_S:.0f} s") from error
    if done.returncode != 0:
        raise NotInstalled(" ".join(done.stderr.split())[:400] or f"the installer ended with {done.returncode}")

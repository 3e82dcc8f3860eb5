"""Where a home keeps its things: the shared cache, and one folder for each run that it knows."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

RUNS = ("up", "demo")
SECRETS = ("winnow_s3_access_key", "winnow_s3_secret_key", "winnow_postgres_password")
PORTS = ("kafka", "kafka_controller", "registry", "registry_management", "objects", "postgres", "uploads")

# Below the range from which the kernel takes ports for outgoing connections: a persistent port chosen there
# would now and then be taken by somebody's client.
FIRST_PORT, LAST_PORT = 20_000, 31_999


@dataclass(frozen=True)
class Home:
    """A data home. `path` holds the runs; `cache` may be shared by several homes."""

    path: Path
    cache: Path

    @classmethod
    def default(cls) -> Home:
        """`WINNOW_HOME`, or `.winnow` of the clone; its cache is `WINNOW_CACHE`, or `cache` in it."""
        path = Path(os.environ.get("WINNOW_HOME") or _clone() / ".winnow").absolute()
        return cls(path, Path(os.environ.get("WINNOW_CACHE") or path / "cache").absolute())

    @property
    def lock(self) -> Path:
        """Locked by the supervisor of a run, and by nothing else, until the last of its processes is gone."""
        return self.path / "supervisor.lock"

    def run(self, name: str) -> RunFolder:
        """The folder of the run `up` or `demo`; for tests any other name."""
        return RunFolder(self.path / name)

    def folders(self) -> list[RunFolder]:
        """The folders of all runs that this home has."""
        return [RunFolder(found.parent) for found in self.path.glob("*/run.json")]


@dataclass(frozen=True)
class RunFolder:
    """Data, logs, settings and secrets of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def settings(self) -> Path:
        return self.path / "settings"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def scratch(self) -> Path:
        return self.path / "tmp"

    @property
    def record(self) -> Path:
        """`run.json`, 0600: what runs, and how its supervisor is spoken to."""
        return self.path / "run.json"

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Make the folders and whatever secret is not there yet, and put the logs of the last run aside."""
        for folder in (self.data, self.settings, self.secrets, self.logs, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        for private in (self.path, self.secrets, self.settings):
            private.chmod(0o700)
        for log in self.logs.glob("*.log"):
            if log.name != "supervisor.log":
                log.replace(log.with_suffix(".log.1"))
        for name in SECRETS:
            if not (self.secrets / name).exists():
                write_private(self.secrets / name, secrets.token_hex(20))

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text()

    def ports(self) -> dict[str, int]:
        """A free port for each server: the ones of the last run where they still are free."""
        written = self.path / "ports.json"
        known = json.loads(written.read_text()) if written.exists() else {}
        ports: dict[str, int] = {}
        for name in PORTS:
            last = known.get(name)
            ports[name] = last if last and last not in ports.values() and is_free(last) else free_port(ports.values())
        written.write_text(json.dumps(ports, indent=1))
        return ports


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


def free_port(taken: Collection[int] = ()) -> int:
    """A TCP port of 127.0.0.1 on which nothing listens, and none of `taken`."""
    while True:
        port = random.SystemRandom().randint(FIRST_PORT, LAST_PORT)
        if port not in taken and is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether `port` of 127.0.0.1 can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _clone() -> Path:
    """The root of the clone that this package is installed from (editable)."""
    return Path(__file__).resolve().parents[4]

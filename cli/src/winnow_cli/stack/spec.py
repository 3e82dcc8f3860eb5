"""What the supervisor is told about a process: how it is started, when it is ready, how it is stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Ready:
    """A real request that a process must answer before it counts as ready.

    `target`: a URL that answers 200 (`http`), `host:port` of a broker (`kafka`) or of an S3 endpoint (`s3`),
    `host:port/database` (`postgres`); nothing for `running`, which asks for no more than being alive.
    `secrets_dir` holds the credentials for `s3` and `postgres`.
    """

    kind: Literal["http", "kafka", "s3", "postgres", "running"]
    target: str = ""
    secrets_dir: str = ""
    timeout_s: float = 60.0


@dataclass(frozen=True)
class ProcessSpec:
    """A process that the supervisor owns, in the foreground.

    `env` is added to the environment of whoever started the run (`inherit_env`), or is all there is. `launcher`
    comes before `argv` (a change of user). A process that ends by itself is started again where `restart` is
    set. Groups stop one after the other, services before servers.
    """

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    ready: Ready = field(default_factory=lambda: Ready("running"))
    stop_signal: str = "SIGTERM"
    stop_timeout_s: float = 15.0
    restart: bool = True
    group: Literal["services", "servers"] = "services"
    ports: dict[str, int] = field(default_factory=dict)
    inherit_env: bool = True
    launcher: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ProcessSpec:
        ready = Ready(**values["ready"])
        return cls(**{**values, "argv": tuple(values["argv"]), "launcher": tuple(values["launcher"]), "ready": ready})

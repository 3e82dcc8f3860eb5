"""Winnow's own services as processes of the local stack."""

from __future__ import annotations

import sys
from pathlib import Path

from winnow_cli.stack import Home, ProcessSpec, Ready, Stack
from winnow_cli.stack.home import free_port

SERVICES = ("selector", "store", "ledger")
"""The packages that `winnow up` and `winnow demo` start behind the servers, each as `python -m PACKAGE`."""

LEDGER_LINGER_S = 0.5
"""Here people look on: small files soon, where an installation would write larger ones every few seconds."""


def service_specs(env: dict[str, str], home: Home) -> list[ProcessSpec]:
    """A process for each service; ready when its `/readyz` answers 200."""
    return [_spec(service, env, home) for service in SERVICES]


def ingest_spec(stack: Stack) -> ProcessSpec:
    """Ingest as `winnow up` has it: it takes uploads, on a port that stays, and plays what sources there are."""
    run, port = stack.run, stack.ports["uploads"]
    env = {
        **stack.env,
        "WINNOW_INGEST_UPLOAD_PORT": str(port),
        "WINNOW_INGEST_UPLOAD_KEYS_FILE": str(upload_keys(stack.home)),
        "WINNOW_INGEST_SPOOL_DIR": str(run.data / "spool"),
    }
    return _spec("ingest", env, stack.home, uploads=port)


def upload_keys(home: Home) -> Path:
    """Where the keys of the cameras that upload to `winnow up` are."""
    return home.run("up").secrets / "upload_keys"


def _spec(service: str, env: dict[str, str], home: Home, **ports: int) -> ProcessSpec:
    port = free_port()
    return ProcessSpec(
        name=service,
        argv=(sys.executable, "-m", service),
        env={
            **env,
            "WINNOW_HEALTH_PORT": str(port),
            "WINNOW_INSTANCE": f"{service}-0",
            "WINNOW_LEDGER_LINGER_S": str(LEDGER_LINGER_S),
        },
        cwd=str(home.path),
        ready=Ready("http", f"http://127.0.0.1:{port}/readyz"),
        ports={**ports, "health": port},
    )

"""Winnow's own services as processes of the local stack."""

from __future__ import annotations

import sys

from winnow_cli.stack import Home, ProcessSpec, Ready
from winnow_cli.stack.home import free_port

SERVICES: tuple[str, ...] = ()
"""The packages that `winnow up` starts behind the servers, each as `python -m PACKAGE`."""


def service_specs(env: dict[str, str], home: Home) -> list[ProcessSpec]:  # noqa: ARG001 (settings of the home follow)
    """A process for each service; ready when its `/readyz` answers 200."""
    specs = []
    for service in SERVICES:
        port = free_port()
        specs.append(
            ProcessSpec(
                name=service,
                argv=(sys.executable, "-m", service),
                env={**env, "WINNOW_HEALTH_PORT": str(port)},
                ready=Ready("http", f"http://127.0.0.1:{port}/readyz"),
                ports={"health": port},
            )
        )
    return specs


def prepare(env: dict[str, str]) -> None:
    """What the services rely on when they start: topics, bucket, tables. May be repeated."""
    _ = env

"""The run's processes as their supervisor and they themselves see it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning, wrong
from winnow_cli.services import SERVICES

REQUEST_TIMEOUT_S = 2.0

WANTED = (*SERVICES, "ingest")
"""What `winnow up` starts behind the servers."""


def process(name: str, status: dict[str, Any] | None) -> Answer:
    """Whether a process of the run is ready, in its own words where it has some; None where the run has none."""
    if status is None:
        return not_looked_at("this run has none", "winnow down, then winnow up, which starts all services")
    look = f"winnow logs {name} -n 30"
    restarts = status["restarts"]
    again = f", started again {restarts} time{'' if restarts == 1 else 's'}" if restarts else ""
    if status["state"] == "ended" and status["exit_code"] == 0:
        return ok("ended with its work done")
    if status["state"] == "stopped":
        return wrong("was stopped", "winnow down, then winnow up")
    if status["pid"] is None:
        return wrong(f"does not run: ended with exit code {status['exit_code']}{again}", look)
    if not status["ready"]:
        health = status["ports"].get("health")
        said = ask(health, "/readyz")[1] if health else ""
        return wrong(f"not ready ({status['state']}){again}{': ' + said.strip() if said else ''}", look)
    if restarts:
        return warning(f"ready{again}", look)
    return ok("ready")


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and text of a service's health server; 0 and the reason where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=REQUEST_TIMEOUT_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)

"""The selector's processes: started, ordered about, struck and looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

from winnow_cli.chaos.arena import Arena
from winnow_cli.chaos.orders import ORDER, Order
from winnow_cli.stack.guard import dies_with_parent
from winnow_cli.stack.home import free_port

SELECTOR = (sys.executable, "-m", "selector")
VICTIM = (sys.executable, "-m", "winnow_cli.chaos.victim")
SMALL_BATCHES = {"WINNOW_BATCH_MAX": "4", "WINNOW_LINGER_S": "0.005"}
"""Many transactions for few frames, so that each point is passed often."""


@dataclass(eq=False)
class Member:
    """A process of the group. Its order lies beside its log."""

    instance: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def order(self) -> Path:
        return self.log.with_suffix(".order")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def struck(self) -> bool:
        """Whether it was killed or is stopped."""
        if not self.alive:
            return True
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    @property
    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as response:
                return response.status == 200  # type: ignore[no-any-return]
        except OSError:
            return False

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def leave(self) -> None:
        """Ends as a service does, leaving the group."""
        self.signal(signal.SIGTERM)
        self.process.wait(60)

    def end(self) -> None:
        """Ends whatever it does."""
        self.process.kill()
        self.process.wait()

    def tail(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def start(arena: Arena, instance: str, folder: Path, command: tuple[str, ...], order: Order | None = None) -> Member:
    """A selector's process in the arena; it has its order before it begins."""
    port = free_port()
    log = folder / f"{instance}.log"
    path = log.with_suffix(".order")
    path.unlink(missing_ok=True)
    if order is not None:
        order.give(path)
    env = {
        **os.environ,
        **arena.env,
        **SMALL_BATCHES,
        "WINNOW_INSTANCE": instance,
        "WINNOW_HEALTH_PORT": str(port),
        ORDER: str(path),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*dies_with_parent(), *command], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    return Member(instance, process, port, log)

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

FENCED = ("code=_FENCED", "code=PRODUCER_FENCED")
"""One is in the log of a process that ended because its transactions had been ended for it."""


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
    def stopped(self) -> bool:
        return self.alive and psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    @property
    def fenced(self) -> bool:
        """Whether it was fenced off and ended: what one should do that slept past its transaction's time-out."""
        return self.process.poll() == 1 and any(code in self.tail() for code in FENCED)

    def struck_by(self, number: signal.Signals) -> bool:
        """Whether this signal has killed or stopped it. One that ended by itself was not struck."""
        return self.process.poll() == -number if number is signal.SIGKILL else self.stopped

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
    log = folder / f"{instance}-{port}.log"
    path = log.with_suffix(".order")
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
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*dies_with_parent(), *command], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    return Member(instance, process, port, log)

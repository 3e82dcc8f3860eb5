"""The supervisor's own children: started here, reaped here.

asyncio's subprocesses are not used: as a subreaper the supervisor also has to reap orphans that it did not
start, and two reapers would take each other's exit codes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from winnow_cli.stack.guard import dies_with_parent
from winnow_cli.stack.spec import ProcessSpec

_BARE_ENVIRONMENT = ("PATH", "LANG", "TZ")


@dataclass(frozen=True)
class Child:
    """A running process; `exited` is its exit code once it has ended (negative: the signal)."""

    pid: int
    exited: asyncio.Future[int]

    def signal(self, number: int) -> None:
        """Signal the process alone."""
        if not self.exited.done():
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL what is left of the process and its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class Children:
    """Starts children and hands out their exit codes. Must be made in the main thread, in the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: dict[int, tuple[subprocess.Popen[bytes], asyncio.Future[int]]] = {}
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def spawn(self, spec: ProcessSpec, log: Path, stdin: Path | None = None) -> Child:
        """Start `spec` in a session of its own, its output appended to `log`. Raises OSError."""
        inherited = os.environ if spec.inherit_env else {k: os.environ[k] for k in _BARE_ENVIRONMENT if k in os.environ}
        with log.open("ab") as output, Path(stdin or os.devnull).open("rb") as source:
            process = subprocess.Popen(
                [*spec.launcher, *dies_with_parent(), *spec.argv],
                env={**inherited, **spec.env},
                cwd=spec.cwd,
                stdin=source,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        exited: asyncio.Future[int] = self._loop.create_future()
        self._running[process.pid] = (process, exited)
        return Child(process.pid, exited)

    def kill_orphans(self) -> None:
        """SIGKILL what was left to this process by children that ended, such as the workers of a killed server."""
        for process in psutil.Process().children():
            if process.pid not in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._running:
                process, exited = self._running.pop(pid)
                process.returncode = os.waitstatus_to_exitcode(status)
                exited.set_result(process.returncode)

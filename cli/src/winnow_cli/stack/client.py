"""The stack as a command or a test sees it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from winnow_cli.stack import control
from winnow_cli.stack.artifacts import Artifact, fetch, missing, read_lock
from winnow_cli.stack.errors import AlreadyRunning, BadRequest, NotRunning, StartFailed, StillRunning
from winnow_cli.stack.home import Home, RunFolder
from winnow_cli.stack.process import log_tail
from winnow_cli.stack.spec import ProcessSpec

DOWN_TIMEOUT_S = 90.0

Report = Callable[[dict[str, Any]], None]
"""Told of each event: `{"event": "phase", "text"}`, `{"event": "ready", "name", "seconds"}`."""


class Stack:
    """A running stack; made by `start` or `attach`. As a context it is taken down at the end, unless detached."""

    def __init__(self, home: Home, run: RunFolder, guard: subprocess.Popen[bytes] | None, lifeline: int) -> None:
        record = json.loads(run.record.read_text())
        self.home = home
        self.run = run
        self.env: dict[str, str] = record["env"]
        self.ports: dict[str, int] = record["ports"]
        self.supervisor_pid: int = record["supervisor_pid"]
        self.guard_pid: int = record["guard_pid"]
        self._port: int = record["port"]
        self._token: str = record["token"]
        self._guard = guard
        self._lifeline = lifeline
        self._over = False

    @classmethod
    def start(
        cls,
        home: Home,
        run: str,
        *,
        services: Iterable[ProcessSpec] = (),
        report: Report = lambda _event: None,
        downloads: Callable[[list[Artifact], Home], None] | None = None,
    ) -> Self:
        """Fetch what is missing, start the four servers, then `services`; return when all are ready.

        A run named `up` keeps its data, every other begins with none. The supervisor dies with this process
        until `detach`. Raises `AlreadyRunning`, `StartFailed` (with the end of the log),
        `ArtifactRefused` and `ArtifactUnavailable`; nothing is left running then.
        """
        running = running_run(home)
        if running is not None:
            raise AlreadyRunning(_already(home, running))
        wanted = missing(read_lock(), home.cache)
        if wanted:
            (downloads or _fetch_quietly)(wanted, home)
        folder = home.run(run)
        home.path.mkdir(parents=True, exist_ok=True)
        lifeline_read, lifeline = os.pipe()
        events, events_write = os.pipe()
        supervisor_log = home.path / f"{run}-supervisor.log"
        arguments = ["--lifeline", str(lifeline_read), "--events", str(events_write)]
        if run != "up":
            arguments.append("--fresh")
        with supervisor_log.open("wb") as log:
            guard = subprocess.Popen(
                [sys.executable, "-m", "winnow_cli.stack.supervisor", home.path, home.cache, run, *arguments],
                pass_fds=(lifeline_read, events_write),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(lifeline_read)
        os.close(events_write)
        try:
            with os.fdopen(events) as lines:
                for line in lines:
                    event = json.loads(line)
                    if event["event"] == "failed":
                        raise StartFailed(event["message"])
                    if event["event"] == "up":
                        break
                    report(event)
                else:
                    if guard.wait() == control.REFUSED:
                        raise AlreadyRunning(_already(home, running_run(home)))
                    raise StartFailed(
                        f"the supervisor ended. The end of {supervisor_log}:\n{log_tail(supervisor_log, 25)}"
                    )
            stack = cls(home, folder, guard, lifeline)
            wanted_services = list(services)
            for spec in wanted_services:
                stack.add(spec, wait=False)
            for spec in wanted_services:
                stack.wait_ready(spec.name)
            return stack
        except BaseException:
            os.close(lifeline)
            guard.wait()
            raise

    @classmethod
    def attach(cls, home: Home) -> Self:
        """The stack that runs in `home`. Raises `NotRunning`."""
        run = running_run(home)
        if run is None:
            raise NotRunning(f"Nothing runs in {home.path}. `winnow up` or `winnow demo --keep` starts it.")
        return cls(home, run, None, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._over and self._guard is not None:
            self.down()

    def add(self, spec: ProcessSpec, *, wait: bool = True) -> None:
        """Have the supervisor own another process, in the place of one with this name. Raises `StartFailed`."""
        self._ask("add", spec=spec.to_json())
        if wait:
            self.wait_ready(spec.name)

    def stop(self, name: str) -> None:
        """Stop a process, and return when it is gone; it stays stopped until `start_process`."""
        self._ask("stop", name=name)

    def start_process(self, name: str, *, wait: bool = True) -> None:
        """Start a stopped process. Raises `StartFailed`."""
        self._ask("start", name=name)
        if wait:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> float:
        """Wait until a process answers; the seconds that took. Raises `StartFailed` if it ends before."""
        return float(self._ask("wait", name=name))

    def pid(self, name: str) -> int | None:
        """The process id now, none while it does not run."""
        for process in self.status():
            if process["name"] == name:
                return process["pid"]  # type: ignore[no-any-return]
        raise BadRequest(f"{name} is no process of this run")

    def status(self) -> list[dict[str, Any]]:
        """Each process: name, group, state, ready, pid, exit_code, restarts, rss_bytes, up_s, ports, log."""
        return self._ask("status")  # type: ignore[no-any-return]

    def detach(self) -> None:
        """Let the stack live on without this process."""
        self._ask("detach")
        self._over = True
        self._cut_lifeline()

    def down(self) -> None:
        """Stop everything, and return when the last process is gone. Raises `StillRunning`."""
        self._over = True
        with contextlib.suppress(NotRunning):
            self._ask("down")
        self._cut_lifeline()
        if self._guard is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(DOWN_TIMEOUT_S)
        wait_until_gone(self.home)

    def _cut_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _ask(self, what: str, **more: Any) -> Any:
        return control.ask(self._port, self._token, do=what, **more)


def running_run(home: Home) -> RunFolder | None:
    """The folder of the run whose supervisor answers, if any does."""
    for folder in home.folders():
        try:
            record = json.loads(folder.record.read_text())
            control.ask(record["port"], record["token"], do="status")
        except (NotRunning, BadRequest, FileNotFoundError):
            continue  # left by a supervisor that was killed
        return folder
    return None


def wait_until_gone(home: Home) -> None:
    """Wait until no process of a run is left: its guard, the last, holds the home's lock. Raises `StillRunning`."""
    until = time.monotonic() + DOWN_TIMEOUT_S
    with home.lock.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StillRunning(
                        f"{home.path}: something still runs after {DOWN_TIMEOUT_S:g} s; try again."
                    ) from None
                time.sleep(0.05)


def _already(home: Home, running: RunFolder | None) -> str:
    what = f"`winnow {running.name}` runs" if running else "Another run is starting or stopping"
    return f"{what} in {home.path}; nothing was changed. `winnow down` stops it."


def _fetch_quietly(artifacts: list[Artifact], home: Home) -> None:
    fetch(artifacts, home.cache, lambda _artifact, _size_bytes: None)

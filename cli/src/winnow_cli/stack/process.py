"""One supervised process: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from typing import Any

import psutil

from winnow_cli.stack.children import Child, Children
from winnow_cli.stack.errors import StartFailed
from winnow_cli.stack.probes import answers
from winnow_cli.stack.spec import ProcessSpec

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 10.0
STEADY_AFTER_S = 30.0
"""A process that was up for this long starts again after the first back-off."""

ASK_WHILE_STARTING_S, ASK_WHILE_READY_S = 0.05, 2.0
TAIL_LINES = 25


class Process:
    """A process and its history. All methods belong to the supervisor's event loop."""

    def __init__(self, spec: ProcessSpec, log: Path, children: Children, stop_timeout_s: float | None = None) -> None:
        self.spec = spec
        self.log = log
        self.restarts = 0
        self._stop_timeout_s = spec.stop_timeout_s if stop_timeout_s is None else stop_timeout_s
        self.state = "stopped"
        self.is_ready = False
        self._children = children
        self._child: Child | None = None
        self._wanted = False
        self._back_off_s = FIRST_BACK_OFF_S
        self._started_at = 0.0
        self._changed = asyncio.Condition()
        self._exits = 0
        self._last_exit = ""
        self._exit_code: int | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Want it to run. A process that runs is left alone."""
        if not self._wanted:
            self._wanted = True
            self.state = "starting"
            self._back_off_s = FIRST_BACK_OFF_S
            self._task = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """Want it no more: its stop signal, then SIGKILL for what is left of its group after the time-out."""
        self._wanted = False
        if self._child is not None:
            self._child.signal(signal.Signals[self.spec.stop_signal])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._child.exited), self._stop_timeout_s)
        await self.kill()

    async def kill(self) -> None:
        """Want it no more, and end it and its group with SIGKILL."""
        self._wanted = False
        child, task = self._child, self._task
        if child is not None:
            child.kill_group()
            await child.exited
            self._children.kill_orphans()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._set("stopped", ready=False)

    async def wait_ready(self) -> float:
        """The seconds it took to become ready. Raises `StartFailed` when it ends before, or takes too long."""
        exits, began = self._exits, time.monotonic()
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.is_ready or self._exits > exits or self.state == "stopped"),
                    self.spec.ready.timeout_s,
                )
            except TimeoutError:
                raise StartFailed(self._explain(f"was not ready after {self.spec.ready.timeout_s:g} s")) from None
        if not self.is_ready:
            raise StartFailed(self._explain(self._last_exit or "was stopped before it was ready"))
        return time.monotonic() - began

    def status(self) -> dict[str, Any]:
        """What `winnow status` shows of it."""
        pid = self._child.pid if self._child else None
        return {
            "name": self.spec.name,
            "group": self.spec.group,
            "state": self.state,
            "ready": self.is_ready,
            "pid": pid,
            "exit_code": self._exit_code,
            "restarts": self.restarts,
            "rss_bytes": _rss_bytes(pid),
            "up_s": round(time.monotonic() - self._started_at, 1) if pid else None,
            "ports": self.spec.ports,
            "log": str(self.log),
        }

    async def _keep_running(self) -> None:
        while self._wanted:
            self._started_at = time.monotonic()
            try:
                child = self._child = self._children.spawn(self.spec, self.log)
            except OSError as error:
                await self._ended(f"could not be started: {error}")
            else:
                await self._set("starting", ready=False)
                asking = asyncio.create_task(self._ask())
                self._exit_code = None
                code = await asyncio.shield(child.exited)  # shielded: stop() waits for it as well
                asking.cancel()
                child.kill_group()
                self._children.kill_orphans()
                self._child = None
                self._exit_code = code
                await self._ended(f"ended with {_exit_text(code)}")
            if not self._wanted:
                return
            if not self.spec.restart:
                self._wanted = False
                return
            if time.monotonic() - self._started_at > STEADY_AFTER_S:
                self._back_off_s = FIRST_BACK_OFF_S
            await asyncio.sleep(self._back_off_s)
            self._back_off_s = min(self._back_off_s * 2, LONGEST_BACK_OFF_S)
            self.restarts += 1

    async def _ask(self) -> None:
        while True:
            ready = await answers(self.spec.ready)
            if ready != self.is_ready:
                await self._set("running" if ready else "not answering", ready=ready)
            await asyncio.sleep(ASK_WHILE_READY_S if ready else ASK_WHILE_STARTING_S)

    async def _ended(self, how: str) -> None:
        self._last_exit = how
        self._exits += 1
        again = self._wanted and self.spec.restart
        await self._set("restarting" if again else "ended", ready=False)

    async def _set(self, state: str, *, ready: bool) -> None:
        async with self._changed:
            self.state, self.is_ready = state, ready
            self._changed.notify_all()

    def _explain(self, what: str) -> str:
        return f"{self.spec.name} {what}. The end of {self.log}:\n{log_tail(self.log, TAIL_LINES) or '(it is empty)'}"


def log_tail(log: Path, lines: int) -> str:
    """The last `lines` lines of a log, indented by two; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def _exit_text(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _rss_bytes(pid: int | None) -> int | None:
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)
    except psutil.Error:
        return None

"""The process that owns all others of a run: `python -m winnow_cli.stack.supervisor HOME CACHE RUN …`.

It is started by `Stack.start` and speaks to it through two pipes: its events go out as JSON lines, and the
lifeline's end of file means that the command is gone, whatever killed it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from winnow_cli.stack import control
from winnow_cli.stack.artifacts import read_lock
from winnow_cli.stack.children import Children
from winnow_cli.stack.environment import service_environment
from winnow_cli.stack.errors import BadRequest, StackError
from winnow_cli.stack.guard import kill_descendants, run_guarded
from winnow_cli.stack.home import Home, RunFolder, write_private
from winnow_cli.stack.prepare import prepare
from winnow_cli.stack.process import Process
from winnow_cli.stack.servers import kafka, objects, postgres, registry
from winnow_cli.stack.spec import ProcessSpec

LOCK_WAIT_S = 10.0
"""A run that was killed a moment ago still clears up."""


class Supervisor:
    """The servers and services of one run, from its data to its end."""

    def __init__(self, home: Home, run: RunFolder, lifeline: int, events: int) -> None:
        self._home = home
        self._run = run
        self._lifeline = lifeline
        self._events = events
        self._processes: dict[str, Process] = {}
        self._down = asyncio.Event()
        self._token = secrets.token_hex(32)
        self._children = Children()

    async def live(self) -> int:
        """Start, serve until told or left alone, stop everything; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._down.set)
        loop.add_reader(self._lifeline, self._lifeline_ended)
        starting = asyncio.create_task(self._start())
        ending = asyncio.create_task(self._down.wait())
        code = 0
        try:
            await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await ending
        except (StackError, OSError) as error:
            self._emit(event="failed", message=str(error))
            code = 1
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._stop_all()
            self._run.record.unlink(missing_ok=True)
            shutil.rmtree(self._run.scratch, ignore_errors=True)
        return code

    async def _start(self) -> None:
        artifacts, cache = read_lock(), self._home.cache
        prepared = await prepare(artifacts, cache, self._children, lambda text: self._emit(event="phase", text=text))
        run = self._run
        run.make()
        ports = run.ports()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=control.LINE_LIMIT_BYTES)
        kafka.fill(run, prepared.kafka)
        starts = [
            asyncio.create_task(self._begin(spec(run, ports, artifacts, cache)))
            for spec in (registry.spec, kafka.spec, objects.spec)
        ]
        # The slowest were started first: these two take no time of theirs on a second core.
        await asyncio.sleep(0)
        try:
            await postgres.fill(run, prepared.postgres, self._children)
            starts.append(asyncio.create_task(self._begin(postgres.spec(run, ports))))
            await asyncio.gather(*starts)
        finally:
            for task in starts:
                task.cancel()
        record = {
            "run": run.name,
            "supervisor_pid": os.getpid(),
            "guard_pid": os.getppid(),
            "port": server.sockets[0].getsockname()[1],
            "token": self._token,
            "started_at": time.time(),
            "ports": ports,
            "env": service_environment(run, ports, cache),
        }
        write_private(run.record, json.dumps(record, indent=1))
        self._emit(event="up")

    async def _begin(self, spec: ProcessSpec) -> None:
        process = self._processes[spec.name] = Process(spec, self._run.log(spec.name), self._children)
        process.start()
        self._emit(event="ready", name=spec.name, seconds=round(await process.wait_ready(), 2))

    async def _stop_all(self) -> None:
        for group in ("services", "servers"):
            await asyncio.gather(*(one.stop() for one in self._processes.values() if one.spec.group == group))
        # What a service left in another session became a child of this process.
        kill_descendants()

    def _lifeline_ended(self) -> None:
        if os.read(self._lifeline, 1) == b"":
            self._let_go()
            self._down.set()

    def _let_go(self) -> None:
        if self._lifeline >= 0:
            asyncio.get_running_loop().remove_reader(self._lifeline)
            os.close(self._lifeline)
            self._lifeline = -1

    def _emit(self, **event: Any) -> None:
        # A command that is gone is noticed by the lifeline.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._events, json.dumps(event).encode() + b"\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await control.answer(await reader.readline(), self._token, self._do)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _do(self, request: dict[str, Any]) -> Any:
        match request["do"]:
            case "status":
                return [process.status() for process in self._processes.values()]
            case "add":
                return await self._add(ProcessSpec.from_json(request["spec"]))
            case "wait":
                return await self._named(request["name"]).wait_ready()
            case "start":
                self._named(request["name"]).start()
            case "stop":
                await self._named(request["name"]).stop()
            case "detach":
                self._let_go()
            case "down":
                self._down.set()
            case unknown:
                raise BadRequest(f"no such request: {unknown}")
        return None

    async def _add(self, spec: ProcessSpec) -> None:
        if spec.name in self._processes:
            await self._processes[spec.name].stop()
        process = self._processes[spec.name] = Process(spec, self._run.log(spec.name), self._children)
        process.start()

    def _named(self, name: str) -> Process:
        if name not in self._processes:
            raise BadRequest(f"{name} is none of {', '.join(self._processes)}")
        return self._processes[name]


def main() -> None:
    """Take the home's lock, then live under a guard."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    given = parser.parse_args()
    home = Home(given.home, given.cache)
    for descriptor in (given.lifeline, given.events):
        os.set_inheritable(descriptor, False)
    if not _take(home.lock):
        sys.exit(control.REFUSED)

    run = home.run(given.run)

    def body() -> int:
        if given.fresh:
            shutil.rmtree(run.path, ignore_errors=True)

        async def live() -> int:
            return await Supervisor(home, run, given.lifeline, given.events).live()

        return asyncio.run(live())

    run_guarded(body, [given.lifeline, given.events], lambda: postgres.remove_shared_memory(run))


def _take(path: Path) -> bool:
    """Lock the home for this process and its guard; the lock is free again when both are gone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)


if __name__ == "__main__":
    main()

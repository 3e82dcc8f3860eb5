"""A service's process, forked from one that has imported all services: what a new interpreter imports takes it 1 to 2 s
of a core, and the tests start some hundred services."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Protocol

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.support.imported", __name__])


class Process(Protocol):
    """What tests ask of a process, forked or not."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


class New(subprocess.Popen[bytes]):
    """The same in an interpreter of its own, as a deployment has it."""

    def __init__(self, module: str, env: dict[str, str], log: Path) -> None:
        with log.open("ab") as output:
            super().__init__([sys.executable, "-m", module], env=env, stdout=output, stderr=subprocess.STDOUT)


class Forked:
    """`python -m module` with these variables alone, its output at the end of `log`."""

    def __init__(self, module: str, env: dict[str, str], log: Path) -> None:
        # A daemon only so that a test that forgets it does not keep pytest from ending.
        self._process = _forks.Process(target=_run, args=(module, env, str(log)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def _run(module: str, env: dict[str, str], log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)

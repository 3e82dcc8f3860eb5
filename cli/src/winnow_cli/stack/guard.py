"""Nothing survives a run: the supervisor lives under a guard that clears up behind it.

Three things hold together. The guard is a child subreaper (prctl(2)), so whatever the supervisor started and
left behind becomes the guard's child, even what moved to another session or user namespace; it kills that
and ends. Each child is also killed by the kernel when the supervisor ends (a parent-death signal, set by
`setpriv` after any change of user, which would clear it). And the supervisor stops everything in order when
the guard is killed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import NoReturn

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def run_guarded(body: Callable[[], int], close_in_guard: list[int], afterwards: Callable[[], None]) -> NoReturn:
    """Run `body` in a child of this process, which from here on only guards it; never returns.

    `close_in_guard` are the descriptors whose other end must see the child's death. `afterwards` is
    called when the last process is gone. Call this before any thread is started.
    """
    guard_pid = os.getpid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    supervisor_pid = os.fork()
    if supervisor_pid == 0:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != guard_pid:
            os._exit(1)
        sys.exit(body())
    for descriptor in close_in_guard:
        os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: _signal(supervisor_pid, signal.SIGTERM))
    status: int | None = None
    while True:
        try:
            pid, ended = os.waitpid(-1, 0)
        except ChildProcessError:
            break
        if pid == supervisor_pid:
            status = os.waitstatus_to_exitcode(ended)
        if status is not None:
            # Again for each child that ends: one may have forked while the others were looked up.
            kill_descendants()
    afterwards()
    status = 1 if status is None else status
    sys.exit(status if status >= 0 else 128 - status)


def kill_descendants() -> None:
    """SIGKILL every process below this one."""
    for process in psutil.Process().children(recursive=True):
        _signal(process.pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@cache
def dies_with_parent() -> tuple[str, ...]:
    """What to put before a command so that the kernel kills it when its parent ends; nothing where it cannot be had."""
    prefix = ("setpriv", "--pdeathsig", "KILL", "--")
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode != 0:
        return ()
    return prefix

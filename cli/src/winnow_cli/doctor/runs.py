"""What a home's run files say, and what of it is true: stale files, processes left over, ports that others have."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

import psutil

from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning, wrong
from winnow_cli.stack import Home, Stack
from winnow_cli.stack.home import is_free

PROGRAMS = ("java", "postgres", "winnow_cli.stack.supervisor", "ingest", "selector", "store", "ledger")
"""What a run consists of: programs, and modules that Python runs."""


def run_files(home: Home, stack: Stack | None) -> Answer:
    """Whether what is written of runs is of one that runs."""
    stale = [folder.record for folder in home.folders() if stack is None or folder.path != stack.run.path]
    if stack is not None and not stale:
        return ok(f"winnow {stack.run.name}, supervisor {stack.supervisor_pid}")
    if stack is None and held(home.lock):
        return wrong(
            f"something holds {home.lock}, but no supervisor answers",
            f"wait a minute; then end what `fuser {home.lock}` names, and `winnow up` again",
        )
    if stale:
        names = ", ".join(str(record) for record in stale)
        return warning(f"{names} is left of a run that was killed", f"harmless; rm {names}")
    return ok("nothing runs, and nothing is left of a run")


def unanswered(home: Home, error: Exception) -> Answer:
    """Why nobody knows whether something runs: a supervisor that hangs, or a run file that cannot be read."""
    records = [folder.record for folder in home.folders()]
    if not isinstance(error, TimeoutError):
        names = " or ".join(map(str, records))
        return wrong(
            f"{names} cannot be read: {error}", "run this as the home's owner; remove the file if it is damaged"
        )
    pids = [str(json.loads(record.read_text())["supervisor_pid"]) for record in records]
    return wrong(
        f"supervisor {' or '.join(pids)} does not answer; nothing behind it was looked at",
        f"kill -9 {' '.join(pids)}, which ends all that it started; then `winnow up`",
    )


def leftovers(home: Home, stack: Stack | None) -> Answer:
    """Processes of this home that no supervisor owns any more: they hold ports, data and memory."""
    owned = set() if stack is None else {stack.guard_pid, *_below(stack.guard_pid)}
    found = [f"{process.info['name']} {process.pid}" for process in _ours(home) if process.pid not in owned]
    if not found:
        return ok("no process without a supervisor")
    pids = " ".join(one.rsplit(" ", 1)[1] for one in found)
    return wrong(f"left over from a run: {', '.join(found)}", f"kill -9 {pids}")


def ports(home: Home, stack: Stack | None) -> Answer:
    """Ports of the run's servers and services: whether they listen themselves; without a run, who took them."""
    if stack is None:
        return _ports_for_next(home)
    listeners, owned = _listeners(), _below(stack.guard_pid)
    count = 0
    strangers = []
    for process in stack.status():
        for name, port in process["ports"].items():
            count += 1
            if listeners.get(port, stack.guard_pid) not in {stack.guard_pid, *owned}:
                strangers.append(f"{process['name']} {name} {port} is process {listeners[port]}'s")
    if strangers:
        return wrong(
            "; ".join(strangers), "end that process, or `winnow down` and `winnow up`, which takes other ports"
        )
    return ok(f"{count} ports, none of another process")


def _ports_for_next(home: Home) -> Answer:
    written = home.run("up").path / "ports.json"
    if not written.exists():
        return not_looked_at("no run has chosen any yet")
    taken = {name: port for name, port in json.loads(written.read_text()).items() if not is_free(port)}
    if not taken:
        return ok("those of the last run are free")
    who = _listeners()
    told = ", ".join(f"{name} {port} (process {who.get(port, 'unknown')})" for name, port in taken.items())
    return warning(
        f"taken since the last run: {told}; `winnow up` chooses others, and cameras that upload need the new one",
        "end what has them before `winnow up`, or tell the cameras",
    )


def _listeners() -> dict[int, int]:
    """Process by TCP port that is listened on; those of other users may be missing."""
    return {
        one.laddr[1]: one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.pid is not None and one.laddr
    }


def _below(pid: int) -> set[int]:
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _ours(home: Home) -> Iterator[psutil.Process]:
    """Servers, services and supervisors of this home."""
    for process in psutil.process_iter(["name", "cmdline"]):
        command: list[str] = process.info["cmdline"] or []
        if process.info["name"] not in PROGRAMS and not any(word in PROGRAMS for word in command[1:3]):
            continue
        # Servers name the home in their arguments; services run in it. One started by hand elsewhere is none of it, nor
        # is doctor's own `java -version`, whose program alone lies in the home.
        # What `winnow test` runs in its folder of this home has a supervisor of its own, which ends it.
        if any(_within(home.path / "test", word) for word in command[1:]):
            continue
        if any(_within(home.path, word) for word in command[1:]) or _runs_in(process, home.path):
            yield process


def _within(home: Path, word: str) -> bool:
    """Whether a word of a command names the home or something in it, alone or behind `=`."""
    path = word.rsplit("=", 1)[-1]
    return path == str(home) or path.startswith(f"{home}/")


def _runs_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder)
    except psutil.Error:
        return False


def held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False

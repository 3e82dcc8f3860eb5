"""The `winnow` script on machines that have too little for it: what it says, and what it leaves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
TOOLS = ("awk", "cat", "cksum", "dirname", "flock", "mkdir", "mv", "readlink", "rm", "sh")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of a clone the script looks at; beside it a `bin` with the tools that it needs, and no Python yet."""
    copied = tmp_path / "clone"
    for path in ("winnow", "requirements.lock", *(str(p.relative_to(CLONE)) for p in CLONE.glob("*/*/pyproject.toml"))):
        (copied / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CLONE / path, copied / path)
    (copied / "cli").mkdir()
    shutil.copy2(CLONE / "cli" / "pyproject.toml", copied / "cli")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return copied


def python(clone: Path, **ends: int) -> None:
    """A python3 that ends with that code where a word is among its arguments, and is this one else."""
    script = clone.parent / "bin" / "python3"
    cases = "".join(f'case "$*" in *{word}*) exit {code};; esac\n' for word, code in ends.items())
    script.write_text(f'#!/bin/sh\n{cases}exec {sys.executable} "$@"\n')
    script.chmod(0o755)


def run(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "winnow", "--help"],
        env={"PATH": str(clone.parent / "bin"), "HOME": str(clone.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_it_says_which_one_is_needed_and_how_to_get_it(clone: Path) -> None:
    ended = run(clone)
    assert ended.returncode == 1
    assert "Python 3.11 or newer is needed; on PATH there is no python3 at all. Nothing was changed." in ended.stderr
    assert "apt install" in ended.stderr


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    python(clone, version_info=1)
    ended = run(clone)
    assert ended.returncode == 1
    assert f"on PATH there is Python {sys.version.split()[0]}." in ended.stderr


def test_a_python_with_neither_venv_nor_pip_is_told_from_one_that_lacks_an_index(clone: Path) -> None:
    python(clone, venv=1, pip=1)
    ended = run(clone)
    assert ended.returncode == 1
    assert "has neither venv nor pip, so uv cannot be installed. Nothing was changed." in ended.stderr
    assert not list((clone / ".winnow").glob("uv*/bin"))
    python(clone, venv=1, install=1, pip=0)
    ended = run(clone)
    assert ended.returncode == 1
    assert "Is the package index reachable? Nothing was kept." in ended.stderr
    assert not list((clone / ".winnow").glob("uv*/bin"))
    assert not (clone / ".winnow" / "venv").exists()

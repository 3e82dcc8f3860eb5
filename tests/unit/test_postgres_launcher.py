"""PostgreSQL where its command is run by root, and the machine has no user namespaces."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

MAKE_A_CLUSTER = """
import asyncio, sys
from pathlib import Path
from winnow_cli.stack import Home
from winnow_cli.stack.children import Children
from winnow_cli.stack.servers import postgres

async def make() -> None:
    home = Home(Path(sys.argv[1]), Path(sys.argv[1]))
    run, children, template = home.run("up"), Children(), home.path / "template"
    run.make()
    await postgres.initialise(template, run, children)
    await postgres.fill(run, template, children)

asyncio.run(make())
print(postgres.launcher()[0])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user starts PostgreSQL as itself")
def test_without_user_namespaces_root_lets_nobody_run_it_even_below_a_private_folder(tmp_path: Path) -> None:
    refusing = tmp_path / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    env = {**os.environ, "PATH": f"{refusing.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_A_CLUSTER, private / "home"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["setpriv"]
    cluster = private / "home" / "up" / "data" / "postgres"
    assert {pwd.getpwuid(path.stat().st_uid).pw_name for path in (cluster, *cluster.rglob("*"))} == {"nobody"}

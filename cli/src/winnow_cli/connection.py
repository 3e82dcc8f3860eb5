"""How a command reaches the servers: what the environment says, else the stack that runs in this home."""

from __future__ import annotations

import os

from winnow_cli.stack import Home, Stack


def environment(stack: Stack | None = None) -> None:
    """Puts the variables of `stack`, else of the stack that runs in this home, into `os.environ`.

    Without a `stack`, an environment that names a broker (`WINNOW_KAFKA_BOOTSTRAP`) is left as it is. Raises
    `NotRunning` (exit code 3) where nothing runs in the home.
    """
    if stack is not None or "WINNOW_KAFKA_BOOTSTRAP" not in os.environ:
        os.environ.update((stack or Stack.attach(Home.default())).env)

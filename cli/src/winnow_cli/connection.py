"""How a command reaches the servers: what the environment says, else the stack that runs in this home."""

from __future__ import annotations

import os

from winnow_cli.stack import Home, Stack


def environment() -> None:
    """Puts the running stack's `WINNOW_…` variables into `os.environ`, unless `WINNOW_KAFKA_BOOTSTRAP` is there.

    Raises `NotRunning` (exit code 3) where nothing runs in the home.
    """
    if "WINNOW_KAFKA_BOOTSTRAP" not in os.environ:
        os.environ.update(Stack.attach(Home.default()).env)

"""The real servers for the whole run, and a namespace of its own for each test that needs them."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World
from winnow_cli.stack import Home, Stack

# What is started in the background by a script ignores Ctrl-C, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

FOOTAGE = Path(__file__).resolve().parents[2] / "shared" / "data" / "footage"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The four servers; those of the home in WINNOW_TEST_HOME where that is set (for quick turns while developing)."""
    cache = Home.default().cache
    running = os.environ.get("WINNOW_TEST_HOME")
    if running:
        yield Stack.attach(Home(Path(running), cache))
        return
    home = Home(tmp_path_factory.mktemp("home"), cache)
    with Stack.start(home, "tests") as started:
        yield started


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    """A namespace with its topics, database and bucket, in which a test runs the services it wants."""
    made = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path)
    made.prepare()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def footage() -> Path:
    """The folder of real footage; the test is skipped where it is not there."""
    if not FOOTAGE.is_dir():
        pytest.skip(f"no real footage: {FOOTAGE} is not there")
    return FOOTAGE

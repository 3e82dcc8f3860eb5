"""Disk: the home can be written, and there is room for what the servers keep."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from winnow_cli.doctor.finding import Answer, State, ok, warning, worst, wrong
from winnow_cli.stack import Home
from winnow_cli.stack.artifacts import missing, read_lock

GIB = 1 << 30
LEAST = GIB
"""The broker's active segment grows to this (log.segment.bytes); a broker whose disk is full stops."""


def home_folder(home: Home) -> Answer:
    """Whether runs can be made here."""
    there = nearest(home.path)
    if ":" in str(home.path) or ":" in str(home.cache):
        return wrong(f"{home.path}: Java cannot use a path with a colon", "set WINNOW_HOME to a path without one")
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"winnow")
    except OSError as error:
        return wrong(
            f"{home.path} cannot be written: {error.strerror}",
            "set WINNOW_HOME to a folder of yours, or take this one's ownership",
        )
    return ok(str(home.path) + ("" if home.path.exists() else " (is made by the first run)"))


def room(home: Home, spool_max_bytes: int) -> Answer:
    """Free bytes under home and cache, against what may come: downloads, a segment, the spool's limit."""
    to_fetch = sum(artifact.size_bytes for artifact in missing(read_lock(), home.cache))
    wanted: dict[int, tuple[Path, int]] = {}
    for folder, more in ((home.path, spool_max_bytes + LEAST), (home.cache, 2 * to_fetch)):
        there = nearest(folder)
        device = there.stat().st_dev
        wanted[device] = (wanted.get(device, (there, 0))[0], wanted.get(device, (there, 0))[1] + more)
    states, told = [], []
    for there, least in wanted.values():
        free = shutil.disk_usage(there).free
        states.append(State.WRONG if free < LEAST else State.WARNING if free < least else State.OK)
        said = f"{free / GIB:.1f} GiB free under {there}"
        if states[-1] is not State.OK:
            said += f", {least / GIB:.1f} GiB wanted for segments and the spool's limit"
            said += f" and {2 * to_fetch / GIB:.1f} GiB of downloads" if to_fetch else ""
        told.append(said)
    what = "; ".join(told)
    mend = "free some, or set WINNOW_HOME to a larger disk; frames are kept for 24 h, kept images for ever"
    match worst(states):
        case State.WRONG:
            return wrong(what, mend)
        case State.WARNING:
            return warning(what, mend)
        case _:
            return ok(what)


def nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.is_dir() and os.access(one, os.X_OK))

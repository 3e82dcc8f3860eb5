"""The Python environment against the clone's requirements.lock."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import winnow_cli
from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning

SHOWN = 4
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)(\s*;)?")


def packages(lock: Path = Path(winnow_cli.__file__).parents[3] / "requirements.lock") -> Answer:
    """Which installed packages are of other versions than the lock says, or missing."""
    if not lock.exists():
        return not_looked_at("there is no requirements.lock: not installed from a clone")
    pins = [pin for pin in map(PIN.match, lock.read_text().splitlines()) if pin]
    wanted: dict[str, list[str]] = {}
    for pin in pins:
        wanted.setdefault(pin[1], []).append(pin[2])
    # For one Python, or one system, alone: it may be missing here.
    conditional = {pin[1] for pin in pins if pin[3]}
    differing = []
    for name, versions in wanted.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            if name not in conditional:
                differing.append(f"{name} is missing")
            continue
        if installed not in versions:
            differing.append(f"{name} {installed}, not {' or '.join(versions)}")
    if not differing:
        return ok("as requirements.lock has them")
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    return warning(
        f"{'; '.join(differing[:SHOWN])}{more}",
        "remove .winnow/venv; the next ./winnow makes it anew from requirements.lock",
    )

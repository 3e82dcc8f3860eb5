"""The folder of a page: nothing else is in it, and the page is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from winnow.errors import Refused

PAGE = "index.html"
PARTIAL = ".index.html.partial"
MARK = b'<meta name="generator" content="winnow select">'
"""Among the first bytes of every page, by which a page of ours is known."""


def check(folder: Path) -> None:
    """Raises `Refused` where the folder holds anything but an earlier page, or is none."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise Refused(f"{folder} is no folder; --report makes a folder with {PAGE} in it")
    others = sorted(path.name for path in folder.iterdir() if path.name not in (PAGE, PARTIAL))
    if others:
        raise Refused(
            f"{folder} holds something else ({others[0]!r}{' and more' if len(others) > 1 else ''}), which stays as it "
            "is; give --report a folder of its own"
        )
    page = folder / PAGE
    if page.exists() and not (page.is_file() and MARK in page.open("rb").read(1024)):
        raise Refused(f"{page} was not written by winnow select and stays as it is; give --report a folder of its own")


def write(folder: Path, text: str) -> Path:
    """The page's path. An earlier page is there until the new one is whole. Raises `Refused` as `check` does."""
    check(folder)
    partial = folder / PARTIAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            # "replace": a file name that is not UTF-8 comes as lone surrogates.
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / PAGE)
    except OSError as error:
        raise Refused(f"{folder / PAGE} was not written ({error.strerror}); an earlier page is as it was") from error
    return folder / PAGE

"""A camera's fields from what a person typed, each refused by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from winnow.errors import PoisonRecord, Refused
from winnow.events import Camera
from winnow.identity import check_camera_id
from winnow_cli.selection.masks import masks

Given = dict[str, str | list[str]]
"""Fields by name as they were typed; an empty one goes back to its default."""

MAX_NAME = 200
MAX_INTERVAL_S = 30 * 86_400.0


def new_camera(camera_id: str, given: Given, partitions: int, at: datetime) -> Camera:
    """A camera with the fields that are given. Raises `Refused`."""
    try:
        check_camera_id(camera_id)
    except PoisonRecord as error:
        raise Refused(f"{error}; nothing was written") from error
    return changed_camera(Camera(camera_id, at), given, partitions, at)


def changed_camera(camera: Camera, given: Given, partitions: int, at: datetime) -> Camera:
    """The camera with other values where they are given. Raises `Refused` naming every field that cannot be.

    `partitions`: how many the frames topic has.
    """
    readers: dict[str, Callable[[Any], Any]] = {
        "name": _text,
        "group": _text,
        "time_zone": _time_zone,
        "expected_interval_s": _interval,
        "masks": masks,
        "partition": lambda text: _partition(text, partitions),
    }
    defaults = Camera(camera.camera_id, at)
    values, wrong = {}, []
    for field, typed in given.items():
        try:
            empty = not typed or typed == [""]
            values[field] = getattr(defaults, field) if empty else readers[field](typed)
        except ValueError as error:
            wrong.append(f"{field}: {error}")
    if wrong:
        raise Refused("\n  ".join(["nothing was written:", *wrong]))
    return replace(camera, **values, changed_at=at)


def _text(text: str) -> str:
    if len(text) > MAX_NAME or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise ValueError(f"at most {MAX_NAME} characters, none of them control characters")
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is no IANA time zone, such as Europe/Berlin or UTC") from error
    return text


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds <= MAX_INTERVAL_S:
        raise ValueError(f"{text!r} is not a number of seconds above 0, up to {MAX_INTERVAL_S:.0f}")
    return seconds


def _partition(text: str, partitions: int) -> int:
    if not text.isdecimal() or not int(text) < partitions:
        raise ValueError(f"{text!r} is not a partition of the frames topic, 0 to {partitions - 1}")
    return int(text)

"""Labels of control frames from a file: whether a frame shows what its camera is watched for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from winnow.errors import Refused

_SAID = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Labels = dict[tuple[str | None, str], bool]
"""By camera, None where the file names none, and frame id."""


def read_labels(path: Path) -> Labels:
    """From CSV with a header, or JSON lines: `frame_id`, `relevant`, and `camera_id` where ids alone are not enough.

    `relevant` is true, yes or 1, or false, no or 0. Raises `Refused` naming the line of what cannot be one.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}") from error
    found: Labels = {}
    for line, fields in _lines(text, path):
        frame_id, camera_id = fields.get("frame_id"), fields.get("camera_id") or None
        relevant = _SAID.get(str(fields.get("relevant")).strip().lower())
        if not isinstance(frame_id, str) or not frame_id or not isinstance(camera_id, str | None) or relevant is None:
            raise Refused(f"{path}, line {line}: a label has frame_id, and relevant as true or false; it has {fields}")
        if found.setdefault((camera_id, frame_id), relevant) is not relevant:
            raise Refused(f"{path}, line {line}: frame {frame_id} is relevant and is not")
    return found


def _lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not text.lstrip().startswith("{"):
        rows = csv.DictReader(io.StringIO(text))
        yield from ((rows.line_num, row) for row in rows)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise Refused(f"{path}, line {number}: {error}") from error
        if not isinstance(fields, dict):
            raise Refused(f"{path}, line {number}: not an object")
        yield number, fields

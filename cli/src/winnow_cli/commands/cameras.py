"""The cameras as the ledger knows them: `winnow status --cameras`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.domain.status import CameraStatus

SILENT_AFTER = 3.0
"""A camera is silent after this many of its usual intervals without a frame, ..."""

SILENT_AT_LEAST_S = 30.0
"""... but not before this."""


@dataclass(frozen=True, slots=True)
class CameraLine:
    """A camera at one moment. `state` is `sending` or `silent`; `rate_per_s` is of the last minute."""

    camera_id: str
    state: str
    last_frame: datetime
    silent_s: float
    rate_per_s: float
    verdicts: dict[str, int]
    last_reason: str


def show_cameras(*, as_json: bool) -> None:
    """Prints every camera that ever had a verdict."""
    from ledger.adapters.status import cameras
    from winnow.clock import now
    from winnow.settings import DatabaseSettings, load
    from winnow_cli.connection import environment

    environment()
    at = now()
    lines = [line(status, at) for status in cameras(load(DatabaseSettings))]
    if as_json:
        print(json.dumps({"cameras": [_plain(one) for one in lines]}))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(lines)} cameras", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("camera", overflow="fold", min_width=16)
    table.add_column("state", no_wrap=True)
    for column in ("last frame", "per s", "kept", "rejected", "unread.", "redeliv."):
        table.add_column(column, justify="right", no_wrap=True)
    for one in lines:
        table.add_row(
            Text(one.camera_id),
            f"[{'green' if one.state == 'sending' else 'red'}]{one.state}[/]",
            f"{one.silent_s:.0f} s ago",
            f"{one.rate_per_s:.2f}",
            *(str(one.verdicts.get(outcome, 0)) for outcome in ("kept", "rejected", "unreadable", "redelivered")),
        )
    Console().print(table)


def line(status: CameraStatus, at: datetime) -> CameraLine:
    """The camera as of `at`, by the broker's time."""
    silent_s = max(0.0, (at - status.last_broker_time).total_seconds())
    frames = sum(status.counts.values())
    lived_s = (status.last_broker_time - status.first_broker_time).total_seconds()
    usual_s = lived_s / (frames - 1) if frames > 1 else 0.0
    silent = silent_s > max(SILENT_AT_LEAST_S, SILENT_AFTER * usual_s)
    return CameraLine(
        status.camera_id,
        "silent" if silent else "sending",
        status.last_broker_time,
        silent_s,
        status.rate_per_s(at),
        status.outcome_counts(),
        status.last_reason,
    )


def _plain(one: CameraLine) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__} | {"last_frame": one.last_frame.isoformat()}

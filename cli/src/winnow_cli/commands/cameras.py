"""The cameras as the ledger and their configuration know them: `winnow status --cameras`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.domain.status import CameraStatus
    from winnow.events import Camera

SILENT_AFTER = 3.0
"""A camera is silent after this many of its intervals without a frame, ..."""

FILE_BELOW_S = 0.02
"""Cameras give at most some 30 frames a second; what comes faster comes from files."""

SILENT_AT_LEAST_S, SILENT_AT_LEAST_EXPECTED_S = 30.0, 15.0
"""... but not before this; where the interval is configured, the second: the ledger is up to 5 s behind."""

WRONG_SHARE = 0.01
"""A camera is wrong when this share of its recent frames has the same thing wrong; less is a network's noise."""

OUTCOMES = ("kept", "rejected", "unreadable", "redelivered")
STATES = ("silent", "wrong", "never", "sending")


@dataclass(frozen=True, slots=True)
class CameraLine:
    """A camera at one moment; `state` is one of `STATES`, `why` says it in words where it is a problem.

    `rate_per_s` is of the last minute, `problems` are shares of the frames of about the last ten.
    """

    camera_id: str
    name: str
    group: str | None
    state: str
    why: str
    last_frame: datetime | None
    silent_s: float | None
    rate_per_s: float
    verdicts: dict[str, int]
    last_reason: str
    problems: dict[str, float]
    last_problem: str


def show_cameras(*, as_json: bool) -> None:
    """Prints every camera that ever had a verdict or is configured, those with a problem first."""
    from ledger.adapters.status import cameras
    from ledger.domain.status import NOBODY
    from winnow.clock import now
    from winnow.settings import DatabaseSettings, load
    from winnow_cli.connection import environment

    environment()
    statuses = {status.camera_id: status for status in cameras(load(DatabaseSettings))}
    configured = _configured()
    at = now()
    nobody = statuses.pop(NOBODY, None)
    found = [line(camera_id, statuses.get(camera_id), configured.get(camera_id), at) for camera_id in statuses]
    found += [
        line(camera_id, None, camera, at) for camera_id, camera in configured.items() if camera_id not in statuses
    ]
    found.sort(key=lambda one: (STATES.index(one.state), one.camera_id))
    if as_json:
        print(json.dumps({"cameras": [_plain(one) for one in found], "of_no_camera": _nobody(nobody)}))
    else:
        _show(found, nobody, at)


def line(camera_id: str, status: CameraStatus | None, camera: Camera | None, at: datetime) -> CameraLine:
    """The camera as of `at`, by the broker's time. Without a `status` it has never sent."""
    name, group = (camera.name, camera.group) if camera is not None else ("", None)
    if status is None:
        return CameraLine(
            camera_id, name, group, "never", "configured, but no frame came", None, None, 0, {}, "", {}, ""
        )
    silent_s = max(0.0, (at - status.last_broker_time).total_seconds())
    expected_s = camera.expected_interval_s if camera is not None else None
    interval_s, at_least_s = (
        (expected_s, SILENT_AT_LEAST_EXPECTED_S) if expected_s else (_usual_s(status), SILENT_AT_LEAST_S)
    )
    problems = status.problems()
    wrong = {what: share for what, share in problems.items() if share >= WRONG_SHARE}
    state, why = "sending", []
    if wrong:
        shares = ", ".join(f"{what} in {share:.0%}" for what, share in sorted(wrong.items(), key=lambda w: -w[1]))
        state, why = "wrong", [f"{shares} of the last frames (last: {status.last_problem})"]
    if silent_s > max(at_least_s, SILENT_AFTER * interval_s):
        state, why = "silent", [f"no frame for {_duration(silent_s)}, {_before(status, expected_s)}", *why]
    return CameraLine(
        camera_id,
        name,
        group,
        state,
        "; ".join(why),
        status.last_broker_time,
        silent_s,
        status.rate_per_s(at),
        status.outcome_counts(),
        status.last_reason,
        problems,
        status.last_problem,
    )


def _before(status: CameraStatus, expected_s: float | None) -> str:
    """What came until then; of a file that was sent at once, how much and how fast: it has no interval."""
    if expected_s:
        return f"expected every {expected_s:.3g} s"
    usual_s = _usual_s(status)
    if usual_s >= FILE_BELOW_S:
        return f"usually every {usual_s:.3g} s"
    frames = sum(status.counts.values())
    if frames == 1:
        return "which was its only one"
    lived_s = (status.last_broker_time - status.first_broker_time).total_seconds()
    return f"before that {frames:,} within {_duration(lived_s)}: a file that was sent whole, or a burst"


def _usual_s(status: CameraStatus) -> float:
    frames = sum(status.counts.values())
    lived_s = (status.last_broker_time - status.first_broker_time).total_seconds()
    return lived_s / (frames - 1) if frames > 1 else 0.0


def _configured() -> dict[str, Camera]:
    from winnow.errors import DependencyDown
    from winnow.settings import KafkaSettings, load
    from winnow_cli.selection.topics import SelectionTopics

    try:
        found = SelectionTopics(load(KafkaSettings)).cameras()
    except DependencyDown as error:
        print(f"winnow: names, groups and intervals are left out: {error}", file=sys.stderr)
        return {}
    return {camera_id: camera for camera_id, (_, camera) in found.items()}


def _show(found: list[CameraLine], nobody: CameraStatus | None, at: datetime) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ledger.domain.status import RECENT_S

    title = f"{len(found)} camera{'' if len(found) == 1 else 's'}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("camera", overflow="fold", min_width=16)
    table.add_column("state", no_wrap=True)
    for column in ("last frame", "per s", "kept", "rejected", "unread.", "redeliv."):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        described = [part for part in (one.name, f"group {one.group}" if one.group else "") if part]
        counts = [str(one.verdicts.get(outcome, 0)) for outcome in OUTCOMES]
        seen = [] if one.silent_s is None else [f"{_duration(one.silent_s)} ago", f"{one.rate_per_s:.2f}", *counts]
        table.add_row(
            Text.assemble(one.camera_id, *((f"\n{part}", "dim") for part in described)),
            f"[{'green' if one.state == 'sending' else 'red'}]{one.state}[/]",
            *seen,
        )
    console = Console(highlight=False)
    console.print(table)
    for one in found:
        if one.why:
            console.print(Text.assemble((f"{one.camera_id}: {one.state}: ", "bold"), one.why))
    if nobody is not None and (at - nobody.last_broker_time).total_seconds() < RECENT_S:
        ago = _duration((at - nobody.last_broker_time).total_seconds())
        told = f"{sum(nobody.counts.values())}, the last {ago} ago ({nobody.last_problem}). `winnow dlq` has them."
        console.print(Text.assemble(("records of no known camera: ", "bold"), told))


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _nobody(status: CameraStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    told = {"records": sum(status.counts.values()), "counts": status.counts, "last_problem": status.last_problem}
    return told | {"last_record": status.last_broker_time.isoformat()}


def _plain(one: CameraLine) -> dict[str, Any]:
    last = one.last_frame.isoformat() if one.last_frame is not None else None
    return {name: getattr(one, name) for name in one.__slots__} | {"last_frame": last}

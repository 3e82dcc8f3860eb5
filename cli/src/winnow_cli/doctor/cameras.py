"""Cameras that are silent, send what they should not, or never sent."""

from __future__ import annotations

from ledger.adapters.status import cameras as statuses_of
from ledger.domain.status import NOBODY
from winnow.clock import now
from winnow.settings import DatabaseSettings, KafkaSettings
from winnow_cli.commands.cameras import line
from winnow_cli.doctor.finding import Answer, ok, warning
from winnow_cli.selection.topics import SelectionTopics

SHOWN = 3


def cameras(kafka: KafkaSettings, database: DatabaseSettings) -> Answer:
    """Those that `winnow status --cameras` shows with a problem."""
    statuses = {status.camera_id: status for status in statuses_of(database) if status.camera_id != NOBODY}
    configured = {camera_id: camera for camera_id, (_, camera) in SelectionTopics(kafka).cameras().items()}
    at = now()
    lines = [line(one, statuses.get(one), configured.get(one), at) for one in sorted(statuses | configured)]
    wrong = [one for one in lines if one.state != "sending"]
    if not lines:
        return ok("none has sent anything")
    if not wrong:
        return ok(f"{len(lines)}, all sending")
    told = "; ".join(f"{one.camera_id} {one.state}: {one.why}" for one in wrong[:SHOWN])
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return warning(f"{len(wrong)} of {len(lines)}: {told}{more}", "winnow status --cameras; winnow check-producer")

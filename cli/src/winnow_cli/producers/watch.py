"""A watch of the frames topic: everything that came, checked camera by camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from winnow.errors import DependencyDown
from winnow.settings import KafkaSettings
from winnow_cli.producers.domain.camera import CameraChecks, CameraReport
from winnow_cli.producers.domain.finding import Finding, Level
from winnow_cli.producers.reading import FramesReader
from winnow_cli.selection.topics import SelectionTopics

MOST_BATCHES = 50
"""Cameras whose batches are looked at: each costs one batch from the broker."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What a watch has found. `batches_unread` says whose batch headers were not seen, and why; empty: none.

    `redriven` counts records that `winnow dlq redrive` put back; they are in nothing else.
    """

    topic: str
    watched_s: float
    records: int
    not_looked_at: int
    redriven: int
    batches_unread: str
    findings: list[Finding]
    cameras: list[CameraReport]

    @property
    def holds(self) -> bool:
        """Whether something came, and no finding is an error."""
        levels = [finding.level for finding in self.findings] + [camera.level for camera in self.cameras]
        return self.records > 0 and Level.ERROR not in levels

    def to_json(self) -> dict[str, Any]:
        return {"holds": self.holds, **asdict(self)}


def watch(
    settings: KafkaSettings,
    topic: str,
    *,
    camera: str | None,
    seconds: float | None,
    most_records: int | None,
    from_beginning: bool,
    progress: Callable[[int], None],
) -> WatchReport:
    """Watches until `seconds` have passed, `most_records` were seen, the old end is reached or Ctrl-C is pressed.

    `seconds` None: `from_beginning` to the end. `progress` is told the number of records. Raises `Refused` where there
    is no such topic, and `DependencyDown`.
    """
    reader = FramesReader(settings, topic, from_beginning=from_beginning)
    try:
        configured = {name: one for name, (_, one) in SelectionTopics(settings).cameras().items()}
        checks = CameraChecks(reader.partitions, configured, camera)
        began_s = last_seen_s = time.monotonic()
        try:
            for record in reader.records(seconds):
                if record is not None:
                    checks.see(record)
                    last_seen_s = time.monotonic()
                progress(checks.records)
                if most_records is not None and checks.records >= most_records:
                    break
        except KeyboardInterrupt:
            pass  # whoever stops the watch wants to know what came until then
        watched_s = time.monotonic() - began_s
        unread = _look_at_batches(reader, checks)
    finally:
        reader.close()
    # By the broker's clock alone; a past ends with the topic's last record, whenever that was.
    until_s = checks.last_s + (0.0 if from_beginning else time.monotonic() - last_seen_s)
    return WatchReport(
        topic,
        round(watched_s, 1),
        checks.records,
        checks.not_looked_at,
        reader.redriven,
        unread,
        checks.topic_findings(),
        checks.reports(until_s, 0.0 if from_beginning else watched_s),
    )


def _look_at_batches(reader: FramesReader, checks: CameraChecks) -> str:
    for check in list(checks.cameras.values())[:MOST_BATCHES]:
        try:
            check.batch = reader.batch_of(*check.last)
        except (DependencyDown, OSError) as error:
            return f"not looked at: {type(error).__name__}: {error}"
    cameras = len(checks.cameras)
    return f"looked at for {MOST_BATCHES} of {cameras} cameras" if cameras > MOST_BATCHES else ""

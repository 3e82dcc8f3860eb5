"""Whether the disk holds the frames until retention takes them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from confluent_kafka.admin import AdminClient

from ledger.adapters.topics import Topics
from winnow import contract
from winnow.clock import now
from winnow.kafka import config
from winnow.settings import KafkaSettings
from winnow_cli.doctor.finding import Answer, ok, warning
from winnow_cli.doctor.offsets import first_since

GIB = 1 << 30
HOUR_MS = 3_600_000


def retention(settings: KafkaSettings, logs: Path) -> Answer:
    """What the frames of the last hour come to over the topic's retention, against the disk of the broker's `logs`."""
    frames = settings.names.frames
    (topic,) = [one for one in contract.load_topics(settings.names, settings.profile) if one.name == frames]
    reader = Topics(settings, client_id="winnow-doctor")
    starts, ends = reader.starts(frames), reader.ends(frames)
    first = first_since(AdminClient(config.admin(settings)), frames, ends, now() - timedelta(hours=1))
    return projected(
        kept_bytes=sum(file.stat().st_size for file in logs.glob(f"{frames}-*/*.log")),
        records=sum(end - starts[partition] for partition, end in ends.items()),
        last_hour=sum(max(0, end - first[partition]) for partition, end in ends.items()),
        hours=int(topic.config["retention.ms"]) / HOUR_MS,
        free_bytes=shutil.disk_usage(logs).free,
    )


def projected(*, kept_bytes: int, records: int, last_hour: int, hours: float, free_bytes: int) -> Answer:
    """`records` take `kept_bytes` now; `last_hour` of them came within the last hour, and each is kept for `hours`."""
    an_hour = kept_bytes * last_hour / records if records else 0.0
    more = max(0.0, an_hour * hours - kept_bytes)
    what = f"frames take {kept_bytes / GIB:.1f} GiB"
    if an_hour:
        what += f", at the last hour's rate {an_hour * hours / GIB:.1f} GiB over {hours:g} h of retention"
    if more <= free_bytes:
        return ok(what)
    left_h = free_bytes / an_hour
    return warning(
        f"{what}; the disk is full in about {left_h:.0f} h ({free_bytes / GIB:.1f} GiB free)",
        "send fewer or smaller frames, free some, or set WINNOW_HOME to a larger disk",
    )

"""Deletes what was staged for frames that no longer are in their topic."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from ingest.domain.staging import is_over
from winnow import metrics
from winnow.clock import now
from winnow.errors import DependencyDown
from winnow.kafka import config
from winnow.objects import Objects
from winnow.references import PREFIX
from winnow.settings import KafkaSettings

log = structlog.get_logger()

EVERY_S, AGAIN_S = 3600.0, 60.0
ANSWER_S = 10.0


class Sweeper:
    """Sweeps the staging area every hour from its own thread. Several may run: what one has deleted is gone."""

    def __init__(self, settings: KafkaSettings, objects: Objects) -> None:
        self._topic = settings.names.frames
        self._admin = AdminClient(config.admin(settings))
        self._objects = objects

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. A server that is away is asked again a minute later."""
        wait_s = 0.0
        while not stop.wait(wait_s):
            try:
                swept = self.sweep(now())
            except DependencyDown as error:
                log.warning("the staging area was not swept", reason=str(error), again_in_s=AGAIN_S)
                wait_s = AGAIN_S
            else:
                if swept:
                    log.info("swept the staging area", objects=swept)
                wait_s = EVERY_S

    def sweep(self, at: datetime) -> int:
        """Deletes the days of which every frame's retention, and a day more, is over; gives how many objects.

        Raises `DependencyDown`.
        """
        retention = self._retention()
        if retention is None:
            return 0
        swept = 0
        for folder in self._objects.folders(PREFIX):
            if is_over(folder.removeprefix(PREFIX).rstrip("/"), retention, at):
                keys = list(self._objects.sizes(folder))
                self._objects.delete(keys)
                metrics.staged_objects_swept.inc(len(keys))
                swept += len(keys)
        return swept

    def _retention(self) -> timedelta | None:
        """As the broker has it now; None: for ever."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, self._topic)
        try:
            settings = self._admin.describe_configs([resource], request_timeout=ANSWER_S)[resource].result(ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise DependencyDown(f"broker: {error}") from error
        retention_ms = int(settings["retention.ms"].value)
        return None if retention_ms < 0 else timedelta(milliseconds=retention_ms)

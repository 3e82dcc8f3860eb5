"""The verdicts as they come: what the demo shows while it runs."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from winnow.codec import Codec
from winnow.contract import load_topics
from winnow.events import Outcome, Verdict
from winnow.kafka import config
from winnow.kafka.record import record_of
from winnow.settings import KafkaSettings


@dataclass(slots=True)
class CameraTally:
    """Verdicts of one camera. `kept_by_rules` holds the indices, from 0, of frames kept beside the control share."""

    verdicts: int = 0
    kept: int = 0
    control: int = 0
    others: Counter[str] = field(default_factory=Counter)
    kept_by_rules: list[int] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.KEPT:
            self.kept += 1
            if verdict.reason == "control":
                self.control += 1
            else:
                self.kept_by_rules.append(self.verdicts)
        else:
            self.others[verdict.reason if verdict.outcome is Outcome.REJECTED else verdict.outcome.value] += 1
        self.verdicts += 1


class Watch:
    """Follows the verdicts topic from its beginning, on a thread of its own."""

    def __init__(self, settings: KafkaSettings, began_s: float) -> None:
        self.cameras: dict[str, CameraTally] = defaultdict(CameraTally)
        self.first_kept_s: float | None = None
        self.last_novel: str | None = None
        self._began_s = began_s
        self._topic = settings.names.verdicts
        self._codec = Codec(settings.registry_url)
        partitions = next(t.partitions for t in load_topics(settings.names, settings.profile) if t.name == self._topic)
        self._consumer = Consumer(
            {**config.reader(settings, client_id="winnow-demo"), "isolation.level": "read_committed"}
        )
        self._consumer.assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in range(partitions)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)
        self._thread.start()

    @property
    def verdicts(self) -> int:
        return sum(tally.verdicts for tally in list(self.cameras.values()))

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.monotonic() - self._began_s

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            verdict = self._codec.decode(Verdict, record_of(message).value)
            if verdict.outcome is Outcome.KEPT and self.first_kept_s is None:
                self.first_kept_s = time.monotonic() - self._began_s
            if verdict.outcome is Outcome.KEPT and verdict.reason != "control":
                self.last_novel = verdict.frame_id
            self.cameras[verdict.camera_id or "(unknown)"].add(verdict)
        self._consumer.close()

"""Dead letters of the last day."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

from confluent_kafka.admin import AdminClient

from winnow.clock import now
from winnow.kafka import config, deadletter
from winnow.kafka.deadletter import Origin
from winnow.settings import KafkaSettings
from winnow_cli.deadletters.letters import letter_of
from winnow_cli.deadletters.reading import DeadLetters
from winnow_cli.doctor.finding import Answer, ok, warning
from winnow_cli.doctor.offsets import first_since

LAST = timedelta(days=1)
READ_FOR_S = 2.0
"""A dead letter has its record's bytes: a day of them may be much to read."""


def dead_letters(settings: KafkaSettings) -> Answer:
    """How many came in the last day and were not put back since, and what most of them have."""
    letters = DeadLetters(settings)
    admin = AdminClient(config.admin(settings))
    until: float | None = None  # from the first record on: connecting takes its own time
    waiting: dict[tuple[str, Origin | None], str] = {}
    more = False
    for topic, (own_topic, service) in letters.sources.items():
        since = first_since(admin, topic, letters.topics.partitions(topic), now() - LAST)
        for record in letters.topics.tail(topic, since):
            until = until or time.monotonic() + READ_FOR_S
            if time.monotonic() > until:
                more = True
                break
            back = deadletter.marked(record)
            letter = letter_of(record, own_topic, service)
            if back is not None:
                waiting.pop((topic, back), None)
            else:
                waiting[topic, letter.origin] = f"{own_topic}: {letter.sort}"
    if not waiting and not more:
        return ok("none in the last day")
    ((most, count),) = Counter(waiting.values()).most_common(1) or [("", 0)]
    return warning(
        f"{'at least ' if more else ''}{len(waiting)} in the last day; {count} of {most}",
        "winnow dlq list --since 1d",
    )

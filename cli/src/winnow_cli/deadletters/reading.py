"""Dead letters from the broker, in two turns: first who there is, then the bytes of those that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from ledger.adapters.topics import Topics
from ledger.domain.ranges import Range
from winnow import contract
from winnow.kafka import deadletter
from winnow.kafka.deadletter import Origin
from winnow.kafka.record import Record
from winnow.settings import KafkaSettings
from winnow_cli.deadletters.letters import Chosen, Letter, letter_of

INGEST = "ingest"


class DeadLetters:
    """Reads the dead-letter topics. Every call raises `DependencyDown`, and `Refused` where one of
    them is not there."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.topics = Topics(settings, client_id="dlq")
        self.sources = sources(settings)

    def find(self, chosen: Chosen) -> list[Letter]:
        """The chosen letters in the order of topic, partition and offset; of a record buried twice the first."""
        found: list[Letter] = []
        for topic, (own_topic, service) in self.sources.items():
            if chosen.wants(own_topic, topic, service):
                found += [letter for letter in self._letters(topic) if letter in chosen]
        return found

    def _letters(self, topic: str) -> list[Letter]:
        letters: list[Letter] = []
        known: set[Origin] = set()
        back: set[Origin] = set()
        for record in self.topics.tail(topic, {}):
            mark = deadletter.marked(record)
            if mark is not None:
                back.add(mark)
                continue
            letter = letter_of(record, *self.sources[topic])
            if letter.origin not in known:
                letters.append(letter)
            if letter.origin is not None:
                known.add(letter.origin)
        return [replace(letter, redriven=True) if letter.origin in back else letter for letter in letters]

    def records(self, letters: Iterable[Letter]) -> Iterator[tuple[Letter, Record]]:
        """The letters with their records, in the order that `find` gave; those that retention took are left out."""
        for topic, group in groupby(letters, key=lambda letter: letter.topic):
            wanted = {(letter.partition, letter.offset): letter for letter in group}
            spans: dict[int, list[Range]] = {}
            for partition, start in self.topics.starts(topic).items():
                offsets = [offset for p, offset in wanted if p == partition and offset >= start]
                if offsets:
                    spans[partition] = [Range(min(offsets), max(offsets))]
            for record in self.topics.read(topic, spans):
                letter = wanted.get((record.partition, record.offset))
                if letter is not None:
                    yield letter, record


def sources(settings: KafkaSettings) -> dict[str, tuple[str, str]]:
    """The dead-letter topics of the contract, and those that ingest made beside plain topics: for each the topic whose
    letters it has, and the service that writes. Raises `DependencyDown`.
    """
    topics = contract.load_topics(settings.names, settings.profile)
    found = {}
    for topic in topics:
        for service in topic.writers:
            own_topic = topic.name.removesuffix(f".{service}.dlq")
            if own_topic != topic.name:
                found[topic.name] = (own_topic, service)
    there = set(Topics(settings, client_id="dlq").names())
    for name in sorted(there):
        letters = settings.names.dead_letters(name, INGEST)
        if letters in there and letters not in found:
            found[letters] = (name, INGEST)
    return found

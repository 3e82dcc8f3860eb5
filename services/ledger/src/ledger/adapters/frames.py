"""Which offsets of the frames topic hold a frame, as a read_committed reader is given them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger.adapters.topics import Topics
from ledger.domain.gaps import Gap, classify
from ledger.domain.ranges import Range, intersect, union
from winnow.settings import KafkaSettings

NEAR = 100
"""Ranges as near to each other are read in one go: going to another offset costs as much as some megabytes."""


class FramesTopic:
    """Reads ranges of the frames topic to tell what is there. Every call raises `DependencyDown`."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._topics = Topics(settings, client_id=client_id)
        self._topic = settings.names.frames

    def classify(self, partition: int, holes: Sequence[Range], expired: Sequence[Range]) -> list[Gap]:
        """What the verdict-less offsets of `holes` are; of those after the log's end nothing is said."""
        if not holes:
            return []
        inside = intersect(holes, [Range(0, self._topics.ends(self._topic)[partition] - 1)])
        delivered, starts = self.delivered({partition: inside})
        return classify(partition, inside, delivered=delivered[partition], log_start=starts[partition], expired=expired)

    def delivered(self, wanted: Mapping[int, Iterable[Range]]) -> tuple[dict[int, set[int]], dict[int, int]]:
        """Offsets by partition, in and between those of `wanted`, that hold a record; and where each log begins.

        That is asked for after the reading: retention may have moved on meanwhile.
        """
        starts, ends = self._topics.starts(self._topic), self._topics.ends(self._topic)
        spans = {p: _in_one_go(intersect(ranges, [Range(starts[p], ends[p] - 1)])) for p, ranges in wanted.items()}
        found: dict[int, set[int]] = {partition: set() for partition in wanted}
        for record in self._topics.read(self._topic, spans):
            found[record.partition].add(record.offset)
        return found, self._topics.starts(self._topic)


def _in_one_go(ranges: Iterable[Range]) -> list[Range]:
    joined: list[Range] = []
    for r in union(ranges):
        if joined and r.first - joined[-1].last <= NEAR:
            joined[-1] = Range(joined[-1].first, r.last)
        else:
            joined.append(r)
    return joined

"""Which partition a camera's records lie on, and which they should."""

from __future__ import annotations

from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally
from winnow_cli.producers.domain.partitioner import other_partitioners, partition_of
from winnow_cli.producers.domain.record import SentRecord


class PartitionCheck:
    """`explicit` is the partition that the camera is set to, or None: by its key."""

    def __init__(self, partitions: int, explicit: int | None) -> None:
        self._partitions = partitions
        self._explicit = explicit
        self._used: dict[int, Tally] = {}
        self._key: bytes | None = None

    def see(self, record: SentRecord) -> None:
        if record.key:
            self._key = record.key
            self._used.setdefault(record.partition, Tally()).hit(record)

    @property
    def used(self) -> list[int]:
        return sorted(self._used)

    def findings(self, flow: Flow) -> list[Finding]:
        if self._key is None:
            return []
        right = partition_of(self._key, self._partitions) if self._explicit is None else self._explicit
        elsewhere = {partition: tally for partition, tally in self._used.items() if partition != right}
        if not elsewhere:
            return []
        first = min(elsewhere)
        wrong = Tally(sum(tally.count for tally in elsewhere.values()), elsewhere[first].example)
        ways = other_partitioners(self._key, first, self._partitions) if len(elsewhere) == 1 else []
        mend = "partitioner=murmur2_random (librdkafka), or Java's default"
        if self._explicit is not None:
            mend = f"produce to partition {right}, which the camera is set to"
        if len(self._used) > 1:
            listed = ", ".join(map(str, sorted(self._used)[:6])) + (", …" if len(self._used) > 6 else "")
            return [wrong.found(
                flow, "many_partitions", Level.ERROR, what=f"on partitions {listed}; {right} is right",
                cost="order is lost; each partition's selector keeps what the other has kept", mend=mend,
            )]  # fmt: skip
        by = f", as {ways[0]} has it" if ways else ""
        return [wrong.found(
            flow, "partition", Level.WARNING, what=f"on partition {first}{by}; {right} is right",
            cost="frames of this camera from anybody else land apart and are judged apart", mend=mend,
        )]  # fmt: skip

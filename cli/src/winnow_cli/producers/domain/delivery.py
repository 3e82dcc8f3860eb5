"""How the producer delivers, from the header of one of its record batches."""

from __future__ import annotations

from dataclasses import dataclass

from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally

NO_PRODUCER_ID = -1


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What a batch says of itself. `codec` is none, gzip, snappy, lz4 or zstd; `position` names a record in it."""

    position: str
    codec: str
    producer_id: int

    @property
    def idempotent(self) -> bool:
        return self.producer_id != NO_PRODUCER_ID


def findings(batch: BatchHeader, flow: Flow, *, is_jpeg: bool) -> list[Finding]:
    """What one batch shows: a sample, so each finding counts one."""
    one = Tally(1, batch.position)
    found = []
    if batch.codec != "none" and is_jpeg:
        found.append(one.found(
            flow, "compressed", Level.WARNING, what=f"JPEG in batches compressed with {batch.codec}",
            cost="time on both sides to save 1 or 2 % of the bytes", mend="compression.type=none",
        ))  # fmt: skip
    if not batch.idempotent:
        found.append(one.found(
            flow, "not_idempotent", Level.WARNING, what="the producer is not idempotent",
            cost="a retry can double a frame, or reorder two", mend="enable.idempotence=true, acks=all",
        ))  # fmt: skip
    return found

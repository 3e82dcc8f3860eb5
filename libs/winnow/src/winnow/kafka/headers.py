"""Headers of Winnow's records: CloudEvents in binary mode, and the trace that goes through them."""

from __future__ import annotations

from datetime import datetime

from winnow.events import Source
from winnow.kafka.record import Record

Headers = list[tuple[str, str | bytes | None]]

TRACEPARENT_BYTES = 55
"""W3C Trace Context, version 00; what is longer is none."""

SOURCE = "winnow-source"
"""`partition:offset` of the frame that a record is about; readable where the value is not."""


def cloud_event(kind: str, service: str, source: Source, time: datetime, caused_by: Record | None = None) -> Headers:
    """Headers of an event about the input record `source`; its id is the same however often it is sent."""
    headers: Headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", f"{kind}/{source.topic}/{source.partition}/{source.offset}"),
        ("ce_type", f"io.winnow.{kind}.v1"),
        ("ce_source", f"/winnow/{service}"),
        ("ce_time", time.isoformat()),
        ("content-type", "application/avro"),
        (SOURCE, f"{source.partition}:{source.offset}"),
    ]
    if caused_by is not None:
        headers += [
            (name, value)
            for name, value in caused_by.headers
            if name == "traceparent" and len(value) <= TRACEPARENT_BYTES
        ]
    return headers

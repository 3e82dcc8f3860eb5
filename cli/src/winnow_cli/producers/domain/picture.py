"""The pictures, by their headers: kind, coding, size in pixels and bytes. Nothing is decoded."""

from __future__ import annotations

from selector.domain.image_header import ImageHeader, ImageKind, Unreadable
from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally, in_bytes
from winnow_cli.producers.domain.record import SentRecord
from winnow_cli.producers.domain.sample import Sample

INLINE_LIMIT_BYTES = 900_000
"""What ingest sends in a record; larger ones go by reference."""

SMALL_WIDTH, SMALL_HEIGHT = 160, 120
HEAVY_BYTES_A_PIXEL = 0.5
PROGRESSIVE_FACTOR = 3.6
"""Decoding a progressive JPEG at reduced size against a baseline one of the same picture."""

MENDS = {
    "empty": "send the picture's bytes; check that the camera gave any",
    "not a JPEG or PNG": "encode as JPEG",
    "truncated": "send whole files: wait for the end of the camera's answer, and mind its Content-Length",
    "unsupported": "baseline JPEG of 8 bits, grey or YCbCr (not CMYK), or PNG",
    "too many pixels": "scale the picture down",
}


class PictureCheck:
    """What the pictures say of themselves, and what their bytes are worth."""

    def __init__(self) -> None:
        self._unreadable: dict[str, tuple[Tally, str]] = {}
        self._progressive, self._png, self._small, self._large = Tally(), Tally(), Tally(), Tally()
        self._changed, self._other_type = Tally(), Tally()
        self._a_pixel = Sample()
        self._first = ""
        self._frames = self._bytes = self._largest = 0
        self._png_bytes = 0
        self._size: tuple[int, int] | None = None
        self._change = self._said_type = ""

    def see(self, record: SentRecord) -> None:
        frame, header = record.frame, record.header
        if frame is None or header is None:
            return
        self._first = self._first or record.position
        self._frames += 1
        self._bytes += record.image_bytes
        self._largest = max(self._largest, record.image_bytes)
        if record.image_bytes > INLINE_LIMIT_BYTES:
            self._large.hit(record)
        if isinstance(header, Unreadable):
            kind = next((known for known in MENDS if header.reason.startswith(known)), "damaged")
            self._unreadable.setdefault(kind, (Tally(), header.reason))[0].hit(record)
            return
        self._see_readable(record, header, frame.content_type)

    def _see_readable(self, record: SentRecord, header: ImageHeader, said: str) -> None:
        size = (header.width, header.height)
        if self._size is not None and size != self._size:
            self._change = f"{self._size[0]}x{self._size[1]} to {size[0]}x{size[1]}"
            self._changed.hit(record)
        self._size = size
        if said != f"image/{header.kind}":
            self._said_type = f"content_type says {said[:40]!r}, the bytes say image/{header.kind}"
            self._other_type.hit(record)
        if header.width < SMALL_WIDTH or header.height < SMALL_HEIGHT:
            self._small.hit(record)
        if header.kind is ImageKind.PNG:
            self._png.hit(record)
            self._png_bytes += record.image_bytes
        else:
            self._a_pixel.add(record.image_bytes / (header.width * header.height))
        if header.progressive and header.kind is ImageKind.JPEG:
            self._progressive.hit(record)

    @property
    def is_jpeg(self) -> bool:
        return bool(self._a_pixel.values)

    def findings(self, flow: Flow) -> list[Finding]:
        found = [
            tally.found(
                flow, "unreadable_image", Level.ERROR, what=reason, cost="verdict unreadable, never stored",
                mend=MENDS.get(kind, "see how the bytes come from the camera to the record"),
            )
            for kind, (tally, reason) in self._unreadable.items()
        ]  # fmt: skip
        return [*found, *self._coding(flow), *self._size_in_bytes(flow), *self._size_in_pixels(flow)]

    def _coding(self, flow: Flow) -> list[Finding]:
        found = []
        if self._progressive.count:
            found.append(self._progressive.found(
                flow, "progressive", Level.WARNING, what="progressive JPEG",
                cost=f"{PROGRESSIVE_FACTOR}x the time to decode", mend="encode baseline JPEG",
            ))  # fmt: skip
        if self._png.count:
            found.append(self._png.found(
                flow, "png", Level.WARNING, what="PNG", mend="encode JPEG of quality 85 to 90 at the camera",
                cost=flow.a_day(self._png_bytes) + "; decoded in full, where JPEG is at an eighth",
            ))  # fmt: skip
        if self._other_type.count:
            found.append(self._other_type.found(
                flow, "content_type", Level.NOTE, what=self._said_type, cost="none here: the bytes decide",
                mend="say what it is: other readers may believe it",
            ))  # fmt: skip
        return found

    def _size_in_bytes(self, flow: Flow) -> list[Finding]:
        found = []
        if self._large.count:
            found.append(self._large.found(
                flow, "large", Level.WARNING,
                what=f"above {in_bytes(INLINE_LIMIT_BYTES)}, up to {in_bytes(self._largest)}",
                cost="near the limit of 2 MiB a record: what is larger is refused to the producer and not seen here",
                mend="a lower quality, or upload them: ingest sends large pictures by reference",
            ))  # fmt: skip
        heavy = self._a_pixel.median if self.is_jpeg else 0.0
        if heavy > HEAVY_BYTES_A_PIXEL:
            extra = self._bytes * (1 - HEAVY_BYTES_A_PIXEL / heavy)
            a_frame = in_bytes(self._bytes / self._frames)
            found.append(Tally(self._frames, self._first).found(
                flow, "heavy", Level.WARNING, what=f"{heavy:.2f} bytes a pixel, {a_frame} a frame",
                cost=f"{flow.a_day(extra)}, counted from {HEAVY_BYTES_A_PIXEL:g} a pixel on",
                mend="JPEG of quality 85 to 90 shows all that is judged and labelled",
            ))  # fmt: skip
        return found

    def _size_in_pixels(self, flow: Flow) -> list[Finding]:
        found = []
        if self._small.count:
            found.append(self._small.found(
                flow, "small", Level.WARNING, what=f"below {SMALL_WIDTH}x{SMALL_HEIGHT} pixels",
                cost="too little to tell near pictures apart, and to label",
                mend="send the camera's picture, not its preview",
            ))  # fmt: skip
        if self._changed.count:
            found.append(self._changed.found(
                flow, "size_change", Level.WARNING, what=f"the size changes, last {self._change}",
                cost="the first frames after it look new",
                mend="set one size; other streams of it get an id of their own",
            ))  # fmt: skip
        return found

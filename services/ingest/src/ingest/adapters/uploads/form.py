"""The files of a multipart form, each handed on when it is whole."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ingest.domain.picture import LARGEST_BYTES
from ingest.domain.upload import FileRefused


class Form:
    """Fed with the body's bytes; calls `found` with name and bytes, or why it is refused, of each part.

    Raises `FileRefused` where the form itself is wrong.
    """

    def __init__(self, content_type: str, found: Callable[[str, bytes | FileRefused], None]) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise FileRefused("form", "the Content-Type has no boundary")
        self._found = found
        self._header = [bytearray(), bytearray()]
        self._disposition = b""
        self._part = bytearray()
        self._too_large = self._ended = False
        self._parts = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._add_header(0, data[start:end]),
                    "on_header_value": lambda data, start, end: self._add_header(1, data[start:end]),
                    "on_header_end": self._header_end,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._all,
                },
            )
        except FormParserError as error:
            raise FileRefused("form", f"not a form that can be read: {error}") from error

    def write(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise FileRefused("form", f"not a form that can be read: {error}") from error

    def close(self) -> None:
        if not self._ended:
            raise FileRefused("form", "the form breaks off: its closing boundary is missing")
        if not self._parts:
            raise FileRefused("form", "the form has no file")

    def _begin(self) -> None:
        self._disposition = b""
        self._part.clear()
        self._too_large = False
        self._parts += 1

    def _add_header(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        if name.lower() == b"content-disposition":
            self._disposition = value
        for part in self._header:
            part.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._too_large = self._too_large or len(self._part) + end - start > LARGEST_BYTES
        if not self._too_large:
            self._part += data[start:end]

    def _end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        name = (options.get(b"filename") or options.get(b"name") or b"").decode(errors="replace")
        name = name[:255] or f"part {self._parts}"
        if self._too_large:
            self._found(name, FileRefused("too_large", f"more than {LARGEST_BYTES:,} bytes"))
        else:
            self._found(name, bytes(self._part))
        self._part.clear()

    def _all(self) -> None:
        self._ended = True

"""The header of a record batch, which no client shows: one Fetch request for its first bytes.

Apache Kafka protocol: Fetch (key 1), version 4; record batch of magic 2. Speaks to brokers without TLS and without
authentication, as Winnow's own clients do.
"""

from __future__ import annotations

import socket
import struct
from typing import BinaryIO

from winnow_cli.producers.domain.delivery import BatchHeader

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
TIMEOUT_S = 5.0
FETCH, VERSION = 1, 4
FIRST_BYTES = 61
"""A batch's header: base offset, length, leader epoch, magic, checksum, attributes, …, producer id, epoch, count."""

_ATTRIBUTES, _PRODUCER_ID, _MAGIC = 21, 43, 16


def batch_header(address: tuple[str, int], topic: str, partition: int, offset: int) -> BatchHeader | None:
    """The header of the batch that holds a record; None where there is none (any more). Raises `OSError`.

    `address` is the partition's leader. The broker sends the whole batch whatever is asked for; only its header is
    read, and the connection is closed.
    """
    with socket.create_connection(address, TIMEOUT_S) as connection:
        connection.sendall(_request(topic, partition, offset))
        stream = connection.makefile("rb")
        _length, _correlation, _throttle, _topics = struct.unpack(">iiii", _read(stream, 16))
        _read(stream, struct.unpack(">h", _read(stream, 2))[0])
        _partitions, _partition, error, _high, _stable, aborted = struct.unpack(">iihqqi", _read(stream, 30))
        _read(stream, 16 * max(0, aborted))
        (size,) = struct.unpack(">i", _read(stream, 4))
        if error or size < FIRST_BYTES:
            return None
        header = _read(stream, FIRST_BYTES)
    codec = struct.unpack_from(">h", header, _ATTRIBUTES)[0] & 7
    if header[_MAGIC] != 2 or codec >= len(CODECS):
        return None
    (producer_id,) = struct.unpack_from(">q", header, _PRODUCER_ID)
    return BatchHeader(f"{partition}:{offset}", CODECS[codec], producer_id)


def _request(topic: str, partition: int, offset: int) -> bytes:
    client = b"check-producer"
    name = topic.encode()
    body = struct.pack(f">hhih{len(client)}s", FETCH, VERSION, 0, len(client), client)
    body += struct.pack(">iiiibi", -1, 0, 1, FIRST_BYTES, 0, 1)
    body += struct.pack(f">h{len(name)}siiqi", len(name), name, 1, partition, offset, FIRST_BYTES)
    return struct.pack(">i", len(body)) + body


def _read(stream: BinaryIO, count: int) -> bytes:
    got = stream.read(count)
    if len(got) < count:
        raise ConnectionError("the broker closed the connection: it may want TLS or authentication")
    return got

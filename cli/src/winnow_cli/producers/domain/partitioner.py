"""Where clients of the Kafka world put a key: Java's way, and the ways that are taken for it."""

from __future__ import annotations

import zlib

_MASK = 0xFFFFFFFF
_SIGN = 0x80000000


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key by murmur2 without its sign bit: Java's default, librdkafka's `murmur2_random`."""
    return (_murmur2(key) & ~_SIGN) % partitions


def other_partitioners(key: bytes, partition: int, partitions: int) -> list[str]:
    """The well-known partitioners, other than Java's, that would put the key on `partition`."""
    ways = {
        "CRC-32, librdkafka's default": zlib.crc32(key) % partitions,
        "murmur2 with its sign bit": _murmur2(key) % partitions,
        "FNV-1a, Sarama's default": _fnv1a(key, partitions),
    }
    return [name for name, lands in ways.items() if lands == partition]


def _murmur2(key: bytes) -> int:
    """MurmurHash2 (Austin Appleby, 32 bits, little-endian) with Kafka's seed."""
    m = 0x5BD1E995
    value = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * m & _MASK
        value = (value * m & _MASK) ^ ((word ^ word >> 24) * m & _MASK)
    if tail := key[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * m & _MASK
    value = (value ^ value >> 13) * m & _MASK
    return value ^ value >> 15


def _fnv1a(key: bytes, partitions: int) -> int:
    """FNV-1a of 32 bits as a signed number, its remainder without the sign."""
    value = 0x811C9DC5
    for byte in key:
        value = (value ^ byte) * 0x01000193 & _MASK
    signed = value - (1 << 32) if value & _SIGN else value
    return abs(signed) % partitions

"""Whether a JPEG can be read alone: frames of Motion JPEG may leave out the Huffman tables that all of them share."""

from __future__ import annotations

_DHT, _SOS, _EOI = 0xC4, 0xDA, 0xD9


def has_huffman_tables(jpeg: bytes) -> bool:
    """Whether a DHT segment (ITU-T T.81, B.2.4.2) comes before the first scan. True for what is no JPEG."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == _DHT:
            return True
        if marker in (_SOS, _EOI):
            return False
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return True

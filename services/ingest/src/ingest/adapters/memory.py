"""The memory that a decoder's process may take."""

from __future__ import annotations

import resource
import sys

LARGEST_BYTES = 4 * 1024**3
"""Of 4K in H.264 or HEVC a decoder took 0.5 GiB on two cores, of 8K 0.8, of 100 megapixels in FFV1 3.1."""


def limit_memory() -> None:
    """Has this process refused more than `LARGEST_BYTES` of data (Linux's RLIMIT_DATA; elsewhere there is no limit).

    RLIMIT_AS would count what is only reserved, by each thread and each of the allocator's arenas: more with more
    cores, and never used.
    """
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (LARGEST_BYTES, LARGEST_BYTES))

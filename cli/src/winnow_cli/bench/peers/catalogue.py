"""The tools that Winnow is measured beside: what they are, and what they call duplicates when nobody says otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

OURS = "Winnow"
REQUIREMENTS = Path(__file__).parent / "requirements"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to tell duplicates: `job` is what computes it, `cut_off` the largest distance between duplicates.

    The distance is in bits of a hash of 64, 1 - cosine, or 0 and 1 for in one set or not; `source` says where the
    cut-off is from.
    """

    name: str
    job: str
    cut_off: float
    source: str


@dataclass(frozen=True)
class Peer:
    """A tool; its child's module and its requirements file bear its name in lower case."""

    name: str
    licence: str
    made_for: str
    methods: tuple[Method, ...]
    left_out: str = ""

    @property
    def module(self) -> str:
        return self.name.lower()

    @property
    def requirements(self) -> Path:
        return REQUIREMENTS / f"{self.module}.txt"

    @cached_property
    def version(self) -> str:
        """As pinned. Raises ValueError where its requirements do not pin it."""
        found = re.search(rf"^{self.module}==(\S+)", self.requirements.read_text(), re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.requirements} does not pin {self.module}")
        return found[1]


_EQUAL = "equal hashes"
_FINDS = "max_distance_threshold of find_duplicates"

PEERS = (
    Peer(
        "ImageHash",
        "BSD-2-Clause",
        "perceptual hashes of photographs",
        (Method("dhash", "dhash", 0, _EQUAL), Method("phash", "phash", 0, _EQUAL)),
    ),
    Peer(
        "imagededup",
        "Apache-2.0",
        "duplicates in folders of photographs",
        (Method("DHash", "dhash", 10, _FINDS), Method("PHash", "phash", 10, _FINDS)),
        left_out="its network (CNN), which brings gigabytes",
    ),
    Peer(
        "cleanvision",
        "Apache-2.0",
        "a first look over a data set's quality",
        (Method("near_duplicates", "find_issues", 0, "in one set"),),
    ),
    Peer(
        "fastdup",
        "proprietary, non-commercial use",
        "insight into large image sets",
        (
            Method("similar", "run", 0.1, "threshold .9 of run"),
            Method("nearly identical", "run", 0.02, ".98, what its summary calls so"),
        ),
    ),
)

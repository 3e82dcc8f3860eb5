"""Ranges of offsets: sorted, disjoint, both ends included."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

END = 2**63 - 1
"""Beyond every offset."""


class Range(NamedTuple):
    """Offsets from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def count(ranges: Iterable[Range]) -> int:
    """Offsets in disjoint ranges."""
    return sum(r.size for r in ranges)


def union(ranges: Iterable[Range]) -> list[Range]:
    """The same offsets in sorted, disjoint ranges that do not touch."""
    joined: list[Range] = []
    for r in sorted(r for r in ranges if r.last >= r.first):
        if joined and r.first <= joined[-1].last + 1:
            joined[-1] = Range(joined[-1].first, max(joined[-1].last, r.last))
        else:
            joined.append(r)
    return joined


def of_offsets(offsets: Iterable[int]) -> list[Range]:
    """Single offsets as ranges."""
    return union(Range(offset, offset) for offset in offsets)


def subtract(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """What is in `ranges` and not in `taken`."""
    left: list[Range] = []
    holes = union(taken)
    at = 0
    for r in union(ranges):
        while at < len(holes) and holes[at].last < r.first:
            at += 1
        first = r.first
        for hole in islice(holes, at, None):
            if hole.first > r.last:
                break
            if hole.first > first:
                left.append(Range(first, hole.first - 1))
            first = hole.last + 1
        if first <= r.last:
            left.append(Range(first, r.last))
    return left


def intersect(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """What is in both."""
    whole = union(ranges)
    return subtract(whole, subtract(whole, others))

"""A bounded sample of a long series."""

from __future__ import annotations

MOST = 512


class Sample:
    """At most `MOST` values, evenly spread over everything that was added."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._seen = 0
        self._every = 1

    def add(self, value: float) -> None:
        if self._seen % self._every == 0:
            self.values.append(value)
            if len(self.values) > MOST:
                del self.values[1::2]
                self._every *= 2
        self._seen += 1

    def quantile(self, share: float) -> float:
        """The value below which `share` of the sample lies; needs one value."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        return self.quantile(0.5)

"""Which coefficients a JPEG's scans bring (ITU-T T.81, G.1.1.1)."""

from __future__ import annotations

from selector.domain.jpeg.headers import Scan, Undecodable

_COEFFICIENTS = 64
_SMOOTHED = 10
_NOT_BEGUN = -1


class Progress:
    """The bit position down to which each coefficient of each component is known."""

    def __init__(self, components: int, *, progressive: bool) -> None:
        self._progressive = progressive
        self._low = [[_NOT_BEGUN] * _COEFFICIENTS for _ in range(components)]

    def enter(self, scan: Scan) -> None:
        """Notes what the scan brings. Raises `Undecodable` unless it is the one that comes next."""
        wanted = scan.high if scan.high else _NOT_BEGUN
        refined = not scan.high or scan.low == scan.high - 1
        if self._progressive:
            dc_alone = scan.first == scan.last == 0
            ac_alone = 0 < scan.first <= scan.last < _COEFFICIENTS and len(scan.components) == 1
            fits = (dc_alone or ac_alone) and refined and scan.low < 14
        else:
            fits = (scan.first, scan.last, scan.high, scan.low) == (0, _COEFFICIENTS - 1, 0, 0)
        band = slice(scan.first, scan.last + 1)
        for component in scan.components:
            known = self._low[component]
            if not fits or known[band].count(wanted) != len(known[band]):
                raise Undecodable("a scan out of order")
            known[band] = [scan.low] * len(known[band])

    def check_complete(self) -> None:
        """Raises `Undecodable` where low coefficients are not known to the last bit: libjpeg estimates them then."""
        if any(any(known[:_SMOOTHED]) for known in self._low):
            raise Undecodable("coefficients that no scan brings")

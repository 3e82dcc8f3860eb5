"""All services behind a frame, and the balance once nothing is on its way."""

from __future__ import annotations

from ledger.adapters.evidence import balance
from ledger.domain.balance import Balance
from ledger.settings import ReaderSettings
from tests.support.world import World, eventually

QUICK = {"WINNOW_LEDGER_LINGER_S": "0.3"}


def settled(world: World, frames: int) -> Balance:
    """The balance once all is judged, stored and in the ledger; the identities hold then."""

    def ask() -> Balance | None:
        found = balance(world.settings(ReaderSettings))
        quiet = found.frames == frames and not (found.pending or found.in_flight or found.unjudged)
        return found if quiet else None

    found = eventually(ask, timeout_s=90, what=f"{frames} frames through all services", every_s=0.5)
    assert found is not None
    assert (found.balanced, found.problems) == (True, ())
    assert (found.lost, found.expired, found.doubled, found.missing) == (0, 0, 0, 0)
    assert found.frames == found.verdicts
    assert found.verdicts == found.kept + sum(found.rejected.values()) + found.unreadable + found.redelivered
    assert found.kept == found.stored + found.dead_letters
    return found

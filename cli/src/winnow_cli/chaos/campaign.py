"""One group under attack: a signal at a point of a member's loop, and how long the others take to make up for it."""

from __future__ import annotations

import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import IsolationLevel

from winnow.errors import WinnowError
from winnow_cli.chaos import members
from winnow_cli.chaos.arena import SESSION_S, TIMEOUT_S, Arena, until
from winnow_cli.chaos.feed import InputRecord
from winnow_cli.chaos.members import Member
from winnow_cli.chaos.orders import Order, Point

MOST_PASSES = 3
PIECES = 3
"""An attack's input comes in so many: the next one when a victim has come through the one before."""

COMMIT_S = 0.006
"""A commit takes about as long."""

OWN_NAME, ANOTHER = "own_name", "another"
"""Who freed a dead member's readers: a process of its name, or the broker when the transaction timed out."""


class Attack(NamedTuple):
    """A signal at a point."""

    point: Point
    signal: signal.Signals

    def __str__(self) -> str:
        return f"{self.signal.name} {self.point}"


KILLS = tuple(Attack(point, signal.SIGKILL) for point in Point)
STOPS = tuple(Attack(point, signal.SIGSTOP) for point in Point)
JOINING = (Point.DURING_RESTORE, Point.DURING_ASSIGN, Point.DURING_REVOKE)
"""Points that are reached when a second member joins."""


def in_pieces(records: list[InputRecord], pieces: int) -> list[list[InputRecord]]:
    """So many runs of records, in order and about as long as each other."""
    ends = [i * len(records) // pieces for i in range(pieces + 1)]
    return [records[begin:end] for begin, end in pairwise(ends)]


def plan(kills: int, seed: int) -> list[Attack]:
    """A kill at every point and one stop, then whatever chance gives, in the order of chance."""
    chance = random.Random(seed)
    first = [*KILLS, chance.choice(STOPS)]
    chance.shuffle(first)
    return first[:kills] + chance.choices([*KILLS, *STOPS], k=max(0, kills - len(first)))


class Campaign:
    """The members of an arena's group. At most two are alive, and after each attack all that was fed is judged."""

    def __init__(self, arena: Arena, folder: Path, chance: random.Random, command: tuple[str, ...]) -> None:
        self._arena = arena
        self._folder = folder
        self._chance = chance
        self._command = command
        self._members: list[Member] = []
        self._victim: Member | None = None
        self.recovery_s: list[float] = []
        self.held_s: dict[str, list[float]] = {OWN_NAME: [], ANOTHER: []}

    def begin(self, records: list[InputRecord]) -> None:
        """A first member judges the first records in peace: there is state to restore."""
        self._arena.feed(records)
        self._start()
        until(self._arena.judged, self._where_it_is)

    def end(self) -> None:
        for member in self._members:
            member.end()

    def attack(self, attack: Attack, records: list[InputRecord]) -> float:
        """Strikes a member while these records are judged; the seconds until all were, from the signal."""
        pieces = in_pieces(records, PIECES)
        victim = self._struck(attack, pieces)
        began_s = time.monotonic()
        freed_by = self._succeed(attack, victim)
        ends = self._arena.ends(IsolationLevel.READ_UNCOMMITTED)
        held = self._arena.ends(IsolationLevel.READ_COMMITTED) != ends
        for piece in pieces:
            self._arena.feed(piece)
        # Not past the takeover every time: one that wakes up while its successor restores is another case.
        wakes_s = SESSION_S + 1.5 if self._chance.random() < 0.5 else float("inf")
        while held or not self._arena.judged():
            since_s = time.monotonic() - began_s
            if held and self._passed(ends):
                held = False
                if since_s < wakes_s or attack.signal is signal.SIGKILL:
                    self.held_s[freed_by].append(since_s)
            if attack.signal is signal.SIGSTOP and since_s > wakes_s:
                victim.signal(signal.SIGCONT)
            self._somebody_runs()
            if since_s > TIMEOUT_S:
                raise WinnowError(f"{attack}: not all is judged after {since_s:.0f} s; {self._where_it_is()}")
        recovery_s = time.monotonic() - began_s
        self.recovery_s.append(recovery_s)
        if attack.signal is signal.SIGSTOP:
            victim.signal(signal.SIGCONT)
        return recovery_s

    # --- strike -------------------------------------------------------------------------------------------------

    def _struck(self, attack: Attack, pieces: list[list[InputRecord]]) -> Member:
        """The member that the signal has struck at the point, with as many of the pieces fed, and taken, as it took.

        One that was stopped before, and learns only now that it was fenced off, is none: another one is aimed at.
        """
        victim = self._aim(attack)
        while True:
            ended = not victim.alive  # asked first: it may be struck at any moment
            if victim.struck_by(attack.signal):
                return victim
            if ended:
                victim = self._aim(attack)
            elif pieces:
                self._arena.feed(pieces.pop(0))
                self._wait_for(victim, attack)
            else:
                raise WinnowError(
                    f"{attack} was not reached by {victim.instance}, whose log ends with\n{victim.tail()}"
                )

    def _aim(self, attack: Attack) -> Member:
        """Settles the group, and tells a member of it, or one that joins it now, to strike itself."""
        if attack.point in JOINING:
            while len(self._alive()) > 1:
                self._members.pop(self._chance.randrange(2)).leave()
        elif len(self._alive()) < 2 and (attack.signal is signal.SIGSTOP or self._chance.random() < 0.5):
            self._start()
        self.settle()
        order = self._order(attack)
        if attack.point in (Point.DURING_ASSIGN, Point.DURING_RESTORE):
            self._victim = self._start(order)
        else:
            self._victim = self._chance.choice(self._members)
            if attack.point is not Point.ANYWHERE:
                order.give(self._victim.order)
            if attack.point is Point.DURING_REVOKE:
                self._start()
        return self._victim

    def _order(self, attack: Attack) -> Order:
        delay_s = self._chance.uniform(0, COMMIT_S if attack.point is Point.DURING_COMMIT else 0.05)
        once = attack.point in (Point.DURING_ASSIGN, Point.DURING_REVOKE)
        return Order(attack.point, attack.signal, 0 if once else self._chance.randrange(MOST_PASSES), delay_s)

    def _wait_for(self, victim: Member, attack: Attack) -> None:
        """Until it is struck, has ended otherwise, or has come through all that was fed with its order untouched."""
        if attack.point is Point.ANYWHERE:
            time.sleep(self._chance.uniform(0, 0.3))
            victim.signal(attack.signal)

        def over() -> bool:
            if victim.struck_by(attack.signal) or not victim.alive:
                return True
            return self._arena.judged() and self._settled() and victim.order.exists()

        until(over, lambda: f"{attack} of {victim.instance}; {self._where_it_is()}")

    def _succeed(self, attack: Attack, victim: Member) -> str:
        """Starts who takes over where nobody is there; says who frees the readers."""
        others = [member for member in self._alive() if member is not victim]
        if attack.signal is signal.SIGSTOP or (others and self._chance.random() < 0.5):
            return ANOTHER
        self._start(instance=victim.instance)
        return OWN_NAME

    # --- members ------------------------------------------------------------------------------------------------

    def _start(self, order: Order | None = None, *, instance: str = "") -> Member:
        taken = {member.instance for member in self._alive()}
        instance = instance or next(name for name in ("selector-0", "selector-1") if name not in taken)
        member = members.start(self._arena, instance, self._folder, self._command, order)
        self._members.append(member)
        return member

    def _alive(self) -> list[Member]:
        """The members that have not ended. The victim may be killed, and one that was fenced off ends; no other may."""
        for member in list(self._members):
            if not member.alive:
                killed = member is self._victim and member.struck_by(signal.SIGKILL)
                if not (killed or member.fenced):
                    raise WinnowError(f"{member.instance} ended with {member.process.returncode}:\n{member.tail()}")
                self._members.remove(member)
        return self._members

    def _somebody_runs(self) -> None:
        """Starts a member where none is left that runs: the last one may have been fenced off."""
        if all(member.stopped for member in self._alive()):
            self._start()

    def settle(self) -> None:
        """Waits until every member runs partitions of its own and no dead one holds any."""

        def settled() -> bool:
            self._somebody_runs()
            return self._settled()

        until(settled, self._where_it_is)

    def _settled(self) -> bool:
        shares = self._arena.shares()
        return (
            sorted(instance for instance, _ in shares) == sorted(member.instance for member in self._alive())
            and all(share for _, share in shares)
            and sum(share for _, share in shares) == self._arena.partitions
            and all(member.ready for member in self._members)
        )

    def _passed(self, ends: list[int]) -> bool:
        committed = self._arena.ends(IsolationLevel.READ_COMMITTED)
        return all(now >= end for now, end in zip(committed, ends, strict=True))

    def _where_it_is(self) -> str:
        tails = "\n".join(f"{member.instance}:\n{member.tail()}" for member in self._members)
        return f"fed {self._arena.fed}, judged {self._arena.committed()}, members {self._arena.shares()}\n{tails}"

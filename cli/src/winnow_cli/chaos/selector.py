"""`winnow chaos selector`: one stream judged in peace and under attack, and what differs in the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from winnow.clock import now
from winnow_cli.chaos import members
from winnow_cli.chaos.arena import Arena, arena, until
from winnow_cli.chaos.campaign import ANOTHER, OWN_NAME, Attack, Campaign, in_pieces
from winnow_cli.chaos.compare import Difference, compare
from winnow_cli.chaos.feed import InputRecord, stream
from winnow_cli.stack import Stack

FRAMES_PER_ATTACK = 48
HISTORY = timedelta(hours=1)
"""How long before now the first frame was taken: well within the frames' retention."""

HELD_AT_MOST_S = {OWN_NAME: 2.0, ANOTHER: 25.0}
"""The goals: how long a committed reader may be held by a dead process's transaction, by who ends it."""

Say = Callable[[str], None]


class Goal(NamedTuple):
    """`measured` and `met` are None where nothing of the kind happened."""

    wanted: float
    measured: float | None

    @property
    def met(self) -> bool | None:
        return None if self.measured is None else self.measured <= self.wanted


@dataclass(frozen=True, slots=True)
class Report:
    """What was done and what it led to.

    `recovery_s`: from each signal until every frame that waited had its verdict. `held_s`: from the death of a process
    within a transaction until a committed reader could pass it, by who freed it: a process of its own name, or the
    broker when the transaction had timed out.
    """

    attacks: Counter[Attack]
    difference: Difference
    recovery_s: list[float]
    held_s: dict[str, list[float]]

    @property
    def goals(self) -> dict[str, Goal]:
        """What was wanted at most, and what there was; of seconds the longest."""
        counts = {name: Goal(0, getattr(self.difference, name)) for name in ("lost", "doubled", "different")}
        held = {f"held_s.{who}": Goal(s, max(self.held_s[who], default=None)) for who, s in HELD_AT_MOST_S.items()}
        return counts | held

    @property
    def holds(self) -> bool:
        """Whether no goal is missed."""
        return all(goal.met is not False for goal in self.goals.values())


def run(
    stack: Stack,
    folder: Path,
    attacks: list[Attack],
    *,
    seed: int,
    say: Say,
    command: tuple[str, ...] = members.VICTIM,
) -> Report:
    """Attacks one group while it judges a stream that another one judged in peace, and compares.

    Raises `WinnowError` where a point is not reached or a member ends in another way than it should.
    """
    with arena(stack, f"chaos-{seed}-peace") as peace, arena(stack, f"chaos-{seed}-war") as war:
        return _run(peace, war, folder, attacks, seed=seed, say=say, command=command)


def _run(
    peace: Arena, war: Arena, folder: Path, attacks: list[Attack], *, seed: int, say: Say, command: tuple[str, ...]
) -> Report:
    say("rendering the input")
    frames = stream(
        peace.codec,
        peace.names.frames,
        peace.partitions,
        frames=(len(attacks) + 1) * FRAMES_PER_ATTACK,
        seed=seed,
        begin=now().replace(microsecond=0) - HISTORY,
    )
    say(f"{len(frames)} frames in {peace.partitions} partitions, judged in peace")
    _in_peace(peace, folder, frames)
    campaign = Campaign(war, folder, random.Random(seed), command)
    first, *pieces = in_pieces(frames, len(attacks) + 1)
    try:
        campaign.begin(first)
        for number, (attack, records) in enumerate(zip(attacks, pieces, strict=True), 1):
            recovery_s = campaign.attack(attack, records)
            say(f"{number}/{len(attacks)} {attack}: all judged {recovery_s:.1f} s later")
        campaign.settle()
    finally:
        campaign.end()
    return Report(Counter(attacks), compare(war, peace), campaign.recovery_s, campaign.held_s)


def _in_peace(arena: Arena, folder: Path, frames: list[InputRecord]) -> None:
    arena.feed(frames)
    undisturbed = members.start(arena, "selector-peace", folder, members.SELECTOR)
    try:
        until(arena.judged, lambda: f"the verdicts in peace; the selector's log ends with\n{undisturbed.tail()}")
    finally:
        undisturbed.end()

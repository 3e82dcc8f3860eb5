"""`winnow chaos selector`: one stream judged in peace and under attack, and what differs in the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from winnow.clock import now
from winnow_cli.chaos import members
from winnow_cli.chaos.arena import Arena, until
from winnow_cli.chaos.campaign import Attack, Campaign
from winnow_cli.chaos.compare import Difference, compare
from winnow_cli.chaos.feed import InputRecord, stream
from winnow_cli.stack import Stack

FRAMES_PER_ATTACK = 48
HISTORY = timedelta(hours=1)
"""How long before now the first frame was taken: well within the frames' retention."""

Say = Callable[[str], None]


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
    peace, war = (Arena(stack, f"chaos-{seed}-{name}") for name in ("peace", "war"))
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
    size = -(-len(frames) // (len(attacks) + 1))
    try:
        campaign.begin(frames[:size])
        for number, attack in enumerate(attacks, 1):
            recovery_s = campaign.attack(attack, frames[number * size : (number + 1) * size])
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

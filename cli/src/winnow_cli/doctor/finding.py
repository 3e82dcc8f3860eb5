"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is, worst first."""

    WRONG = "wrong"
    WARNING = "warning"
    NOT_LOOKED_AT = "not looked at"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Answer:
    """A check's answer in words; `mend` is what to do, in one line, and empty where there is nothing to do."""

    state: State
    what: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer under its check's name."""

    name: str
    state: State
    what: str
    mend: str


def ok(what: str) -> Answer:
    return Answer(State.OK, what)


def warning(what: str, mend: str) -> Answer:
    return Answer(State.WARNING, what, mend)


def wrong(what: str, mend: str) -> Answer:
    return Answer(State.WRONG, what, mend)


def not_looked_at(why: str, mend: str = "") -> Answer:
    return Answer(State.NOT_LOOKED_AT, why, mend)


def worst(states: list[State]) -> State:
    """Of the states of several things that make one answer."""
    return min(states, key=list(State).index, default=State.OK)

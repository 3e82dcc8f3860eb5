"""Checks at the same time, each within its seconds: what hangs is left behind and named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from winnow.errors import WinnowError
from winnow_cli.doctor.finding import Answer, Finding, State, wrong
from winnow_cli.failures import Explained

WITHIN_S = 3.0

READ_WITHIN_S = 6.0
"""For what asks a server many things: a slow machine is not a hung server."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `mend` is what to do where no answer comes, or an error."""

    name: str
    ask: Callable[[], Answer]
    mend: str
    within_s: float = WITHIN_S


def look(checks: Sequence[Check]) -> list[Finding]:
    """Asks all at once; the findings in the order of the checks. Never raises, and never takes longer than allowed."""
    began = time.monotonic()
    asked = [(check, start(check.ask)) for check in checks]
    found = []
    for check, future in asked:
        try:
            answer = future.result(max(0.0, began + check.within_s - time.monotonic()))
        except TimeoutError:
            answer = wrong(f"no answer within {check.within_s:g} s", check.mend)
        except (WinnowError, Explained) as error:
            answer = wrong(str(error), check.mend)
        except Exception as error:  # one check that fails must not hide what the others say
            answer = wrong(f"this check failed: {type(error).__name__}: {error}", check.mend)
        found.append(Finding(check.name, answer.state, answer.what, answer.mend))
    return found


def start(ask: Callable[[], ResultT]) -> Future[ResultT]:
    """Runs `ask` on a thread that keeps nobody from leaving."""
    future: Future[ResultT] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return future


def without(server: str, checks: Sequence[Check]) -> list[Finding]:
    """What the checks say while a server that they need does not answer."""
    return [Finding(check.name, State.NOT_LOOKED_AT, f"needs the {server}", "") for check in checks]

"""A service from start to SIGTERM: the same few lines for each."""

from __future__ import annotations

import faulthandler
import gc
import signal
import sys
import threading
from collections.abc import Callable

import structlog

from winnow.errors import WinnowError
from winnow.telemetry import configure_logging

log = structlog.get_logger()


def run_service(name: str, main: Callable[[threading.Event], int | None]) -> None:
    """Runs `main(stop)` and exits: 0 (or what `main` returns) after SIGTERM or SIGINT, 1 after an error.

    `main` gets an event that SIGTERM and SIGINT set, and returns when its work is done.
    """
    configure_logging(name)
    # `kill -USR1` prints what every thread is doing: the first question about a process that hangs.
    faulthandler.register(signal.SIGUSR1)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        code = main(stop) or 0
    except WinnowError as error:
        log.error("stopped", error=type(error).__name__, reason=str(error))
        sys.exit(1)
    except Exception:
        log.exception("stopped by an unexpected error; what was not committed is read again at the next start")
        sys.exit(1)
    log.info("stopped", code=code)
    sys.exit(code)


def spare_garbage_collector() -> None:
    """For a service whose work leaves no cycles behind: what is loaded by now is not walked through again and again.

    It took 4 % of the selector's time at 1280x720 (docs/measurements/selector.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)

"""`python -m ledger`: the service until SIGTERM; `python -m ledger migrate`: its tables, then the end."""

import sys
import threading

from ledger.app import build, migrate
from ledger.settings import Settings
from winnow.lifecycle import run_service
from winnow.settings import load


def main(stop: threading.Event) -> None:
    settings = load(Settings)
    if sys.argv[1:] == ["migrate"]:
        migrate(settings)
        return
    with build(settings) as service:
        service.run(stop)


if __name__ == "__main__":
    run_service("ledger", main)

"""`python -m ingest`: the sources of `WINNOW_INGEST_SOURCES` until they end, or SIGTERM."""

import threading

from ingest.app import serve
from ingest.settings import Settings
from winnow.lifecycle import run_service
from winnow.settings import load


def main(stop: threading.Event) -> int:
    return serve(load(Settings), stop)


if __name__ == "__main__":
    run_service("ingest", main)

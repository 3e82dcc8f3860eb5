"""`python -m selector`: runs until SIGTERM."""

from selector.app import build
from selector.settings import SelectorSettings
from winnow.lifecycle import run_service
from winnow.settings import load

if __name__ == "__main__":
    run_service("selector", lambda stop: build(load(SelectorSettings)).run(stop))

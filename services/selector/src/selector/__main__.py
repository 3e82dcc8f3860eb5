"""`python -m selector`: runs until SIGTERM."""

import threading

from selector.settings import SelectorSettings
from winnow.kafka.transactional_producer import free_readers
from winnow.lifecycle import run_service
from winnow.settings import load


def main(stop: threading.Event) -> None:
    settings = load(SelectorSettings)
    # Beside the rest of the start, which takes longer than readers should be held by what a dead process left open.
    freeing = threading.Thread(target=free_readers, args=(settings, settings.group, settings.instance))
    freeing.start()
    from selector.app import build

    selector = build(settings)
    freeing.join()  # it would fence off the loop's own producer, were it later than that
    selector.run(stop)


if __name__ == "__main__":
    run_service("selector", main)

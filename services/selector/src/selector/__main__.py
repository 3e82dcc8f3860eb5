"""`python -m selector`: runs until SIGTERM."""

import threading

from selector.settings import SelectorSettings
from winnow.health import Health
from winnow.kafka.transactional_producer import TransactionalProducer
from winnow.lifecycle import run_service
from winnow.settings import load


def main(stop: threading.Event) -> None:
    settings = load(SelectorSettings)
    health = Health()
    producer = TransactionalProducer(settings, settings.group, settings.instance, health=health)
    # Beside the rest of the start, which takes longer than readers should be held by what a dead process left open.
    threading.Thread(target=producer.start, args=(stop,), name="transactions", daemon=True).start()
    from selector.app import build

    build(settings, health, producer).run(stop)


if __name__ == "__main__":
    run_service("selector", main)

"""`python -m tests.support.careless early|late`: a victim whose verdicts are not part of its transactions.

Early, they go out before the commit: one that is killed in between gives them twice. Late, they go out after it: one
that is killed in between never gives them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from selector.__main__ import main
from winnow.kafka import transactional_producer
from winnow.lifecycle import run_service
from winnow_cli.chaos.orders import ORDER
from winnow_cli.chaos.victim import Trap, set_traps

EARLY, LATE = "early", "late"


def be_careless(when: str) -> None:
    """Takes the verdicts out of the transactions of every producer that is made from now on."""

    class Careless(transactional_producer.Producer):  # type: ignore[misc]
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self._beside = Producer({"bootstrap.servers": config["bootstrap.servers"]})
            self._kept_back: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def produce(self, topic: str, *arguments: Any, **more: Any) -> None:
            if ".verdicts." not in topic:
                super().produce(topic, *arguments, **more)
            elif when == EARLY:
                self._beside.produce(topic, *arguments, **more)
            else:
                self._kept_back.append(((topic, *arguments), more))

        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            self._beside.flush()
            super().send_offsets_to_transaction(*arguments)

        def commit_transaction(self, *arguments: Any) -> None:
            super().commit_transaction(*arguments)
            for positional, named in self._kept_back:
                self._beside.produce(*positional, **named)
            self._kept_back.clear()
            self._beside.flush()

    transactional_producer.Producer = Careless  # type: ignore[attr-defined]


if __name__ == "__main__":
    set_traps(Trap(Path(os.environ[ORDER])))
    be_careless(sys.argv[1])
    run_service("selector", main)

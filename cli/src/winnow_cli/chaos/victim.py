"""`python -m winnow_cli.chaos.victim`: the selector itself, which a signal strikes where its order says.

The clients are replaced by ones that look for an order before they do what they are asked; the loop is as it is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer

from selector.__main__ import main
from winnow.kafka import assignment, transactional, transactional_producer
from winnow.kafka.record import Record
from winnow.kafka.restore import last_of_each_key
from winnow.lifecycle import run_service
from winnow_cli.chaos.orders import ORDER, Order, Point, look, take


class Trap:
    """Looks for an order at every point that the loop reaches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._passed = 0

    def reached(self, point: Point) -> None:
        """Strikes if that is what the order says."""
        order = self.sprung(point)
        if order is not None:
            self.strike(order)

    def sprung(self, point: Point) -> Order | None:
        """The order, taken, if it is for this point and its time has come."""
        with self._lock:
            order = look(self._path)
            if order is None or order.point is not point:
                return None
            self._passed += 1
            if self._passed <= order.passes:
                return None
            self._passed = 0
            take(self._path)
            return order

    def strike(self, order: Order) -> None:
        time.sleep(order.delay_s)
        os.kill(os.getpid(), order.signal)

    def strike_unless(self, order: Order, over: threading.Event) -> None:
        """Strikes after the delay; where it is `over` by then, at the next time and sooner."""
        if over.wait(order.delay_s):
            order.sooner().give(self._path)
        else:
            os.kill(os.getpid(), order.signal)


def set_traps(trap: Trap) -> None:
    """Puts the trap into every client call of the loop."""

    class TrappedProducer(Producer):
        def begin_transaction(self) -> None:
            trap.reached(Point.BEFORE_PRODUCE)
            super().begin_transaction()

        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            trap.reached(Point.AFTER_PRODUCE)
            super().send_offsets_to_transaction(*arguments)
            trap.reached(Point.AFTER_OFFSETS)

        def commit_transaction(self, *arguments: Any) -> None:
            over = threading.Event()
            order = trap.sprung(Point.DURING_COMMIT)
            if order is not None:
                threading.Thread(target=trap.strike_unless, args=(order, over), daemon=True).start()
            super().commit_transaction(*arguments)
            over.set()
            trap.reached(Point.AFTER_COMMIT)

    class TrappedConsumer(Consumer):
        def incremental_unassign(self, *arguments: Any) -> None:
            trap.reached(Point.DURING_REVOKE)
            super().incremental_unassign(*arguments)

        def incremental_assign(self, *arguments: Any) -> None:
            super().incremental_assign(*arguments)
            trap.reached(Point.DURING_ASSIGN)

    def trapped_read(*arguments: Any, **more: Any) -> Iterator[Record]:
        for record in last_of_each_key(*arguments, **more):
            trap.reached(Point.DURING_RESTORE)
            yield record

    transactional_producer.Producer = TrappedProducer  # type: ignore[attr-defined]
    transactional.Consumer = TrappedConsumer  # type: ignore[attr-defined]
    assignment.last_of_each_key = trapped_read  # type: ignore[attr-defined]


if __name__ == "__main__":
    set_traps(Trap(Path(os.environ[ORDER])))
    run_service("selector", main)

"""A producer whose transactions all end in time: committed, aborted, or in doubt with a new producer in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from enum import Enum, auto
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from winnow import metrics
from winnow.health import Health
from winnow.kafka import config
from winnow.kafka.processor import Output
from winnow.settings import KafkaSettings

log = structlog.get_logger()

INIT_S = 2.0
CALL_S, GRACE_S = 15.0, 2.0
"""As long as a transaction may be open: what has not ended by then does not end any more."""


def transactional_id(group: str, instance: str) -> str:
    """The name under which an instance's transactions go on where a dead process of its name left them."""
    return f"{group}.{instance}"


class Ended(Enum):
    """How a transaction ended."""

    COMMITTED = auto()
    ABORTED = auto()
    """Nothing of it was committed; it may be tried again."""
    IN_DOUBT = auto()
    """A new producer took over; whether the old one's commit went through, only the state's cursor tells."""


class TransactionalProducer:
    """Outputs, state and offsets that move together, under a name that fences off whoever had it before.

    `start` may be called early, on a thread of its own: whoever calls it again waits for the first to end.
    """

    def __init__(self, kafka: KafkaSettings, group: str, instance: str, *, health: Health) -> None:
        self._config = config.transactional_producer(kafka, transactional_id(group, instance), client_id=instance)
        self._health = health
        self._producer = Producer(self._config)
        self._starting = threading.Lock()
        self._started = False

    def start(self, stop: threading.Event) -> bool:
        """Aborts what a dead process of this name left open, so that readers are not held until its time-out.

        Waits for the broker; False when the service is to stop.
        """
        with self._starting:
            while not self._started and not stop.is_set():
                try:
                    self._producer.init_transactions(INIT_S)
                except KafkaException as error:
                    if not error.args[0].retriable():
                        raise
                    self._health.beat()
                else:
                    self._started = True
        return self._started

    def transact(
        self,
        outputs: Iterable[tuple[int, Output]],
        offsets: list[TopicPartition],
        metadata: Any,
        stop: threading.Event,
    ) -> Ended:
        """Commits outputs (each with its partition) and offsets, or nothing.

        Raises `KafkaException` for what no other producer would mend, being fenced off among it.
        """
        try:
            self._producer.begin_transaction()
            for partition, output in outputs:
                self._produce(partition, output)
            with self._health.waiting("the broker"):
                _in_time(self._producer.send_offsets_to_transaction, offsets, metadata, CALL_S)
                _in_time(self._producer.commit_transaction, CALL_S)
        except TimeoutError as error:
            metrics.transactions_aborted.inc()
            return self._replaced(str(error), stop)
        except KafkaException as error:
            reason = error.args[0]
            if not (reason.fatal() or reason.txn_requires_abort() or reason.retriable()):
                raise
            log.warning("transaction aborted; its records are judged again", error=str(reason))
            metrics.transactions_aborted.inc()
            if reason.code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED):
                raise  # another process has this one's name
            if reason.txn_requires_abort() and self._aborted():
                return Ended.ABORTED
            return self._replaced(str(reason), stop)
        return Ended.COMMITTED

    def _produce(self, partition: int, output: Output) -> None:
        while True:
            try:
                self._producer.produce(
                    output.topic, output.value, output.key, partition=partition, headers=output.headers
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _aborted(self) -> bool:
        with self._health.waiting("the broker"):
            try:
                _in_time(self._producer.abort_transaction, CALL_S)
            except (KafkaException, TimeoutError) as error:
                log.warning("the transaction could not be aborted", error=str(error))
                return False
        return True

    def _replaced(self, reason: str, stop: threading.Event) -> Ended:
        """A new producer ends what the old one left open."""
        log.error("a new producer takes over", error=reason)
        self._health.not_ready("waiting for the broker")
        self._producer, self._started = Producer(self._config), False
        self.start(stop)
        return Ended.IN_DOUBT


def _in_time(call: Callable[..., object], *arguments: object) -> None:
    """Calls on a thread of its own. Raises what the call raises, and `TimeoutError` when it does not come back.

    With a broker away for ten seconds, `send_offsets_to_transaction` was seen to stay for minutes, whatever time-out it
    was given (librdkafka 2.16). The thread is left behind with its producer; the next producer's start fences it off.
    """
    future: Future[None] = Future()

    def run() -> None:
        try:
            call(*arguments)
        except BaseException as error:  # goes to whoever waits
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="transaction", daemon=True).start()
    try:
        future.result(CALL_S + GRACE_S)
    except TimeoutError:
        raise TimeoutError(f"{getattr(call, '__name__', call)} did not come back in {CALL_S + GRACE_S:g} s") from None

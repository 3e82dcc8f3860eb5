"""Putting dead letters back into their own topic, each once, whoever else does so and whatever is killed.

The record and the mark that it was put back go into one transaction. The transactional id is the same for every run in
a namespace: a new run ends what an older one left open, and an older one that still runs can commit nothing more. Only
then does the new run read which letters have a mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Producer

from ledger.adapters.topics import Topics
from winnow.errors import DependencyDown
from winnow.kafka import config, deadletter
from winnow.kafka.record import Record
from winnow.settings import KafkaSettings
from winnow_cli.deadletters.letters import Letter
from winnow_cli.failures import Explained

MOST_ATTEMPTS = 5
"""A record that failed as often fails again: it goes back only where a person names it."""

BATCH, BATCH_BYTES = 100, 8 * 1024 * 1024
"""Letters of one transaction, which has to end within the 15 s that the broker gives it."""

CALL_S, TRIES = 30.0, 3

FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
NEVER_TAKEN = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)

Batch = list[tuple[Letter, Record]]


class TakenOver(Explained):
    """A newer run has taken this one's place."""


@dataclass(slots=True)
class Redriven:
    """What a run did. `refused` has a reason for each letter that it left; `gone`: retention took them meanwhile."""

    done: list[Letter] = field(default_factory=list)
    refused: list[tuple[Letter, str]] = field(default_factory=list)
    before: int = 0
    gone: int = 0


def plan(topics: Topics, letters: Iterable[Letter], *, named: bool) -> tuple[list[Letter], Redriven]:
    """Which letters go back, and which do not; `named`: a person has named the one, however often it failed."""
    waiting, account = [], Redriven()
    partitions: dict[str, list[int]] = {}
    for letter in letters:
        if letter.origin is None:
            account.refused.append((letter, "it does not say where it was: no dead letter of Winnow's"))
        elif letter.redriven:
            account.before += 1
        elif letter.attempt >= MOST_ATTEMPTS and not named:
            account.refused.append((letter, f"{letter.attempt} attempts; name it as {letter.origin} to try once more"))
        else:
            if letter.own_topic not in partitions:
                partitions[letter.own_topic] = topics.partitions(letter.own_topic)
            if letter.origin.partition in partitions[letter.own_topic]:
                waiting.append(letter)
            else:
                account.refused.append((letter, f"{letter.own_topic} has no partition {letter.origin.partition}"))
    return waiting, account


class Redrive:
    """The one run of a namespace that may put letters back. Raises `DependencyDown` where the broker is away."""

    def __init__(self, settings: KafkaSettings) -> None:
        name = f"{settings.namespace}.dlq-redrive"
        self._producer = Producer(config.transactional_producer(settings, name, client_id="dlq-redrive"))
        try:
            _retried(self._producer.init_transactions)
        except KafkaException as error:
            raise _explained(error) from error

    def put_back(
        self, records: Iterable[tuple[Letter, Record]], account: Redriven, progress: Callable[[int], None]
    ) -> int:
        """Puts the records back and says so in `account`, one batch after the other; how many there were.

        Raises `TakenOver`, and `DependencyDown`: what `account` has as done then stays done.
        """
        seen = 0
        for batch in _batches(records):
            self._put_back(batch, account)
            progress(len(batch))
            seen += len(batch)
        return seen

    def _put_back(self, batch: Batch, account: Redriven) -> None:
        never_taken = self._transact(batch)
        if never_taken is None:
            account.done += [letter for letter, _ in batch]
        elif len(batch) == 1:
            account.refused.append((batch[0][0], f"its topic does not take it: {never_taken}"))
        else:
            for one in batch:
                self._put_back([one], account)

    def _transact(self, batch: Batch) -> str | None:
        """None when everything is committed; else nothing is, because the broker never takes one of the records."""
        # After a refused record librdkafka's next transaction fails as well, on a gap in its sequence numbers.
        for attempt in range(TRIES):
            never: list[KafkaError] = []
            try:
                self._producer.begin_transaction()
                self._produce(batch, never)
                _retried(self._producer.commit_transaction)
            except BaseException as error:  # an interruption too: an open transaction holds up whoever reads the topics
                aborted = self._aborted()
                if never and aborted:
                    return never[0].str()
                if not isinstance(error, KafkaException):
                    raise
                if not (aborted and error.args[0].txn_requires_abort() and attempt < TRIES - 1):
                    raise _explained(error) from error
            else:
                break
        return None

    def _produce(self, batch: Batch, never: list[KafkaError]) -> None:
        def report(error: KafkaError | None, _: object) -> None:
            if error is not None and error.code() in NEVER_TAKEN:
                never.append(error)

        for letter, record in batch:
            assert letter.origin is not None
            key, value, headers = deadletter.redriven(record)
            partition = letter.origin.partition
            self._producer.produce(letter.own_topic, value, key, partition, on_delivery=report, headers=headers)
            self._producer.produce(letter.topic, partition=letter.partition, headers=deadletter.mark(letter.origin))

    def _aborted(self) -> bool:
        try:
            self._producer.abort_transaction(5)
        except KafkaException:
            return False
        return True


def _retried(call: Callable[[float], object]) -> None:
    """Calls until it is done. Raises `KafkaException`."""
    until = time.monotonic() + CALL_S
    while True:
        try:
            call(max(1.0, until - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > until:
                raise
        else:
            return


def _explained(error: KafkaException) -> Exception:
    if error.args[0].code() in FENCED:
        return TakenOver("another `winnow dlq redrive` has taken over: what is left is its to do")
    return DependencyDown(
        f"broker: {error.args[0].str()}. Letters may be left; the same command again goes on with those"
    )


def _batches(records: Iterable[tuple[Letter, Record]]) -> Iterator[Batch]:
    batch: Batch = []
    size_bytes = 0
    for letter, record in records:
        batch.append((letter, record))
        size_bytes += len(record.value or b"")
        if len(batch) >= BATCH or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch

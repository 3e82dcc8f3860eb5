"""A plain topic: each record a picture, its key the camera. For cameras that know no Avro."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.adapters.encode import as_jpeg
from ingest.adapters.records import FrameRecords
from ingest.domain.capture_time import header_time, whole_ms
from ingest.domain.picture import content_type
from ingest.settings import IngestSettings
from winnow import contract
from winnow.errors import DependencyDown, PoisonRecord, Refused
from winnow.events import Frame
from winnow.identity import check_camera_id, frame_id_of_record
from winnow.kafka import config
from winnow.kafka.deadletter import dead_letter
from winnow.kafka.record import Record

log = structlog.get_logger()

SERVICE = "ingest"
CAPTURED_AT = "captured_at"
ANSWERS_S = 2.0
"""So long is waited for the broker's answers at a time; then the loop keeps its place in the group, and asks again."""

ASK_S = 10.0

Output = tuple[str, str | bytes | None, bytes | None, int, list[tuple[str, str | bytes | None]]]
"""Topic, key, value, partition and headers."""


class TopicFrames:
    """Handles batches of a plain topic: frames to the broker, and what names no camera to the dead letters.

    `answered` is called once for each record, when the broker has acknowledged it: True for a frame, False for a dead
    letter. A record that is handled again, by another member or after a kill, is the same frame under the same id.
    """

    def __init__(
        self, settings: IngestSettings, records: FrameRecords, topic: str, answered: Callable[[bool], None]
    ) -> None:
        self._records = records
        self._letters = settings.names.dead_letters(topic, SERVICE)
        self._answered = answered
        # 0: never. Records that wait for the broker are not handed over again, so that it gets each once.
        client = {**config.producer(settings, client_id=f"ingest-{topic}"), "delivery.timeout.ms": 0}
        self._producer = Producer(client)
        self._open: set[tuple[int, int]] = set()
        self._done: set[tuple[int, int]] = set()
        self._failed: dict[tuple[int, int], str] = {}

    def positions(self, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:  # noqa: ARG002
        """None: the committed offsets say where to start."""
        return {}

    def handle(self, batch: list[Record]) -> None:
        """Returns when the broker has all of it. Raises `DependencyDown` where that takes longer."""
        self._hand_over([record for record in batch if _place(record) not in self._open | self._done])
        self._wait(batch)
        for record in batch:
            why = self._failed.pop(_place(record), None)
            if why is not None:
                self._produce(record, self._letter(record, PoisonRecord(f"the broker does not take the frame: {why}")))
        self._wait(batch)
        if self._failed:
            raise DependencyDown(f"broker: it does not take a dead letter either: {next(iter(self._failed.values()))}")
        self._done.clear()

    def _hand_over(self, records: list[Record]) -> None:
        # All of them before the first goes out: what they need may be away.
        outputs = [(record, self._output(record)) for record in records]
        for record, output in outputs:
            self._produce(record, output)

    def _output(self, record: Record) -> Output:
        try:
            out = self._records.of(_frame(record))
        except PoisonRecord as error:
            return self._letter(record, error)
        return out.topic, out.key, out.value, out.partition, []

    def _letter(self, record: Record, error: PoisonRecord) -> Output:
        log.error("dead letter", position=record.position, error=str(error), topic=self._letters)
        key, value, headers = dead_letter(record, SERVICE, error)
        return self._letters, key, value, record.partition, headers

    def _produce(self, record: Record, output: Output) -> None:
        topic, key, value, partition, headers = output
        report = partial(self._report, _place(record), topic != self._letters)
        until_s = time.monotonic() + ANSWERS_S
        while True:
            try:
                self._producer.produce(topic, value, key, partition, report, headers=headers)
            except BufferError:
                self._producer.poll(0.1)
                if time.monotonic() > until_s:
                    raise DependencyDown("broker: it takes no more records for now") from None
            except KafkaException as error:
                self._failed[_place(record)] = str(error)
                return
            else:
                self._open.add(_place(record))
                self._producer.poll(0)
                return

    def _wait(self, batch: list[Record]) -> None:
        places = {_place(record) for record in batch}
        until_s = time.monotonic() + ANSWERS_S
        while places & self._open:
            self._producer.poll(0.05)
            if time.monotonic() > until_s:
                raise DependencyDown(f"broker: {len(places & self._open)} frames have no answer yet")

    def _report(self, place: tuple[int, int], frame: bool, error: KafkaError | None, _: Message) -> None:
        self._open.discard(place)
        if error is not None:
            self._failed[place] = str(error)
            return
        self._done.add(place)
        self._answered(frame)


def _place(record: Record) -> tuple[int, int]:
    return record.partition, record.offset


def _frame(record: Record) -> Frame:
    """The frame that a record is, whatever its value: what is no picture becomes the verdict `unreadable`.

    Raises `PoisonRecord` where the key is no camera's id.
    """
    try:
        camera_id = (record.key or b"").decode()
    except UnicodeDecodeError:
        raise PoisonRecord("the key is no camera id: not UTF-8") from None
    check_camera_id(camera_id)
    image = record.value or b""
    with suppress(Refused):
        image = as_jpeg(image)
    given = dict(record.headers).get(CAPTURED_AT)
    taken_at = None if given is None else header_time(given.decode(errors="replace"))
    return Frame(
        frame_id=frame_id_of_record(record.topic, record.partition, record.offset),
        camera_id=camera_id,
        captured_at=whole_ms(taken_at or record.timestamp),
        sequence=None,
        content_type=content_type(image) or "application/octet-stream",
        image=image,
    )


def prepare(settings: IngestSettings, topic: str) -> None:
    """Makes the topic's dead-letter topic unless it is there, with as many partitions.

    Raises `Refused` where the topic is Winnow's own or not there, `DependencyDown`.
    """
    own = {known.name for known in contract.load_topics(settings.names, settings.profile)}
    if topic in own:
        raise Refused(f"{topic} is Winnow's own topic: a plain topic is one that only cameras write to")
    admin = AdminClient(config.admin(settings))
    try:
        found = admin.describe_topics(TopicCollection([topic]), request_timeout=ASK_S)[topic].result(ASK_S)
        name = settings.names.dead_letters(topic, SERVICE)
        letters = contract.dead_letter_topic(name, "camera id", SERVICE, settings.profile)
        new = NewTopic(letters.name, len(found.partitions), letters.replication, config=letters.config)
        admin.create_topics([new], request_timeout=ASK_S)[letters.name].result(ASK_S)
    except KafkaException as error:
        code = error.args[0].code()
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION):
            raise Refused(f"there is no topic {topic}: create it first, cameras' ids as keys") from error
        if code != KafkaError.TOPIC_ALREADY_EXISTS:
            raise DependencyDown(f"broker: {error.args[0].str()}") from error
    except TimeoutError as error:
        raise DependencyDown(f"broker: no answer about {topic} within {ASK_S:g} s") from error

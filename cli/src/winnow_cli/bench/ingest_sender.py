"""A process that sends the pictures of a folder in one way, once for each line on its standard input.

`python -m winnow_cli.bench.ingest_sender WAY`; the first line is the way's arguments as a JSON object. A JSON line is
the answer to each: null once it is connected, then {"seconds", "cpu_s"}, from the first byte handed over to the last
acknowledgement.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import structlog
from confluent_kafka import KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ingest.adapters.doors import open_door
from ingest.adapters.sender import Sender
from ingest.app import frame_records
from ingest.domain.source import Source
from ingest.settings import IngestSettings
from winnow.errors import WinnowError
from winnow.events import Frame
from winnow.kafka import config
from winnow.settings import KafkaSettings, load

CAMERA = "bench"
CONNECTIONS = 8
TIMEOUT_S = 60.0
ASK_EVERY_S = 0.005

Send = Callable[[], None]


@contextmanager
def bare(folder: str) -> Iterator[Send]:
    """A producer with the client settings of ingest, and values that are in memory already."""
    settings = load(KafkaSettings)
    yield _producing(settings, settings.names.frames, _images(folder))


@contextmanager
def folder(folder: str) -> Iterator[Send]:
    """Ingest's own door and sender, connected before as the bare producer is: that takes up to half a second."""
    settings = load(IngestSettings)
    source = Source(camera=CAMERA, source=folder)
    failures: list[str] = []

    def answered(error: KafkaError | None) -> None:
        if error is not None:
            failures.append(str(error))

    with frame_records(settings) as records:
        stop = threading.Event()
        sender = Sender(settings, records, CAMERA, stop, answered)

        def send() -> None:
            patience = threading.Timer(TIMEOUT_S, stop.set)
            patience.start()
            for item in open_door(source):
                if not isinstance(item, Frame):
                    failures.append(item.why)
                elif not sender.send(item):
                    break
            unanswered = sender.finish()
            patience.cancel()
            if unanswered or failures or stop.is_set():
                raise WinnowError(f"{unanswered} frames have no answer, {len(failures)} failed: {failures[:1]}")

        yield send


@contextmanager
def uploads(folder: str, port: int, key: str) -> Iterator[Send]:
    """A request for each picture, over connections that stay, as little of a client as there can be."""
    head = (
        f"POST /v1/cameras/{CAMERA}/frames HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: image/jpeg\r\nContent-Length: "
    )
    requests = [f"{head}{len(image)}\r\n\r\n".encode() + image for image in _images(folder)]

    def send() -> None:
        waiting = deque(requests)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for done in [pool.submit(_upload, port, waiting) for _ in range(CONNECTIONS)]:
                done.result()

    yield send


@contextmanager
def topic(folder: str, topic: str) -> Iterator[Send]:
    """Plain records, until as many frames have been added to the frames topic."""
    settings = load(KafkaSettings)
    images = _images(folder)
    produce, frames = _producing(settings, topic, images), frames_counter(settings)

    def send() -> None:
        wanted, until_s = frames() + len(images), time.monotonic() + TIMEOUT_S
        produce()
        while (now := frames()) < wanted:
            if time.monotonic() > until_s:
                raise WinnowError(f"{wanted - now} frames did not come from {topic} within {TIMEOUT_S:g} s")
            time.sleep(ASK_EVERY_S)

    yield send


def frames_counter(settings: KafkaSettings) -> Callable[[], int]:
    """Asks the broker how many frames it has taken."""
    admin, topic = AdminClient(config.admin(settings)), settings.names.frames
    partitions = admin.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    ends = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}
    return lambda: sum(answer.result().offset for answer in admin.list_offsets(ends).values())


def _images(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path(folder).iterdir())]


def _producing(settings: KafkaSettings, topic: str, values: Sequence[bytes]) -> Send:
    producer = Producer(config.producer(settings, client_id="bench"))
    failures: list[str] = []

    def report(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(str(error))

    def send() -> None:
        for value in values:
            while True:
                try:
                    producer.produce(topic, value, CAMERA, on_delivery=report)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
            producer.poll(0)
        unanswered = producer.flush(TIMEOUT_S)
        if unanswered or failures:
            raise WinnowError(f"broker: {unanswered} records have no answer, {len(failures)} failed: {failures[:1]}")

    return send


def _upload(port: int, waiting: deque[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection, connection.makefile("rb") as answers:
        while waiting:
            try:
                request = waiting.popleft()
            except IndexError:
                return
            connection.sendall(request)
            status, size = answers.readline(), 0
            while (header := answers.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
            said = answers.read(size)
            if b" 201 " not in status:
                raise WinnowError(f"the upload was answered with {status!r} {said!r}")


def main() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    ways: dict[str, Callable[..., AbstractContextManager[Send]]] = {
        "bare": bare,
        "folder": folder,
        "uploads": uploads,
        "topic": topic,
    }
    with ways[sys.argv[1]](**json.loads(sys.stdin.readline())) as send:
        print("null", flush=True)
        for _ in sys.stdin:
            began_s, cpu_s = time.monotonic(), time.process_time()
            send()
            took = {"seconds": time.monotonic() - began_s, "cpu_s": time.process_time() - cpu_s}
            print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()

"""`winnow dlq` on the real servers: what is listed, put back once, and exported."""

import base64
import json
import os
import threading

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from tests.support.books import Selector, batch, selected
from tests.support.world import environment, eventually
from typer.testing import CliRunner

import store.app
from store.settings import Settings
from winnow.errors import DependencyDown, PoisonRecord, WinnowError
from winnow.events import Source
from winnow.kafka import config
from winnow.kafka.deadletter import dead_letter
from winnow_cli.commands import dlq
from winnow_cli.deadletters import redrive as redriving
from winnow_cli.deadletters.letters import Chosen
from winnow_cli.deadletters.reading import DeadLetters
from winnow_cli.failures import Explained

pytestmark = pytest.mark.stack


@pytest.fixture
def winnow(world):
    def call(*arguments):
        with environment(world.env):
            result = CliRunner().invoke(dlq.app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit | Explained | WinnowError):
            raise result.exception
        lines = result.stdout.strip().splitlines()
        text = result.output + str(result.exception or "")
        return result.exit_code, json.loads(lines[-1]) if "--json" in arguments and lines else text

    return call


class Store:
    """Selected records written by hand, and the store's own handler on them."""

    def __init__(self, world):
        self.world = world
        self.topic = world.names.selected
        self.letters = world.names.dead_letters(self.topic, "store")
        self.selector = Selector(world)

    def select(self, *values, headers=(), partition=0):
        self.selector.partition = partition
        for value in values:
            self.selector._publish(self.topic, "yard", value, list(headers))
        self.selector.publisher.flush()

    def handle(self, partition=0, first=0):
        with store.app.handler(self.world.settings(Settings)) as handler:
            handler.handle(batch(self.world, self.topic, partition=partition, first=first))

    def bury(self, *records):
        """Dead letters as the store writes them, without a store."""
        for record in records:
            key, value, headers = dead_letter(record, "store", PoisonRecord("planted"))
            self.selector.publisher.publish(self.letters, key, value, headers=headers, partition=record.partition)
        self.selector.publisher.flush()

    def letter_records(self):
        return [r for r in self.world.records(self.letters) if len(r.headers) > 1]

    def back(self):
        """The records that were put back."""
        return [r for r in self.world.records(self.topic) if "winnow-redriven-from" in dict(r.headers)]


@pytest.fixture
def planted(world):
    return Store(world)


def test_a_letter_goes_back_as_it_was_and_says_where_from(planted, winnow):
    own = [("winnow-source", b"0:9"), ("traceparent", b"00-ab"), ("bytes", b"\xff\x00")]
    planted.select(b"not avro", headers=own, partition=2)
    planted.handle(2)
    code, found = winnow("redrive", "--json")
    assert (code, found["redriven"], found["refused"]) == (0, 1, [])
    (record,) = planted.back()
    assert (record.partition, record.key, record.value) == (2, b"yard", b"not avro")
    assert list(record.headers) == [
        *own,
        ("winnow-attempt", b"2"),
        ("winnow-redriven-from", f"{planted.letters}/2/0".encode()),
    ]


def test_what_fails_again_is_a_new_letter_that_counts_on(planted, winnow):
    planted.select(b"not avro")
    planted.handle()
    winnow("redrive")
    planted.handle(first=1)
    (listed,) = [x for x in winnow("list", "--json")[1]["topics"] if x["count"]]
    assert (listed["count"], listed["waiting"]) == (2, 1)
    letter = planted.letter_records()[-1]
    assert dict(letter.headers)["winnow-attempt"] == b"2"
    names = [name for name, _ in letter.headers]
    assert len(names) == len(set(names))
    winnow("redrive")
    assert dict(planted.back()[-1].headers)["winnow-attempt"] == b"3"


def test_what_failed_five_times_goes_back_only_by_name(planted, winnow):
    planted.select(b"fourth", headers=[("winnow-attempt", b"4")])
    planted.select(b"fifth", headers=[("winnow-attempt", b"5")])
    planted.bury(*batch(planted.world, planted.topic))
    code, found = winnow("redrive", "--json")
    assert (code, found["redriven"]) == (1, 1)
    assert "5 attempts; name it as 0:1" in found["refused"][0]["reason"]
    code, found = winnow("redrive", "0:1", "--json")
    assert (code, found["redriven"]) == (0, 1)
    assert [dict(r.headers)["winnow-attempt"] for r in planted.back()] == [b"5", b"6"]


def test_however_often_it_runs_each_letter_goes_back_once(planted, winnow):
    planted.select(*(b"no %d" % n for n in range(5)))
    for _ in range(2):  # killed before it committed: the same records are buried once more
        planted.bury(*batch(planted.world, planted.topic))
    assert len(planted.world.records(planted.letters)) == 10
    assert winnow("redrive", "--dry-run", "--json")[1]["redriven"] == 5
    assert planted.back() == []
    for redriven, before in ((5, 0), (0, 5)):
        found = winnow("redrive", "--json")[1]
        assert (found["redriven"], found["before"]) == (redriven, before)
    assert sorted(r.value for r in planted.back()) == [b"no %d" % n for n in range(5)]


def test_cut_off_anywhere_it_goes_on_and_none_goes_back_twice(planted, winnow, monkeypatch):
    monkeypatch.setattr(redriving, "BATCH", 2)
    planted.select(*(b"no %d" % n for n in range(9)))
    planted.bury(*batch(planted.world, planted.topic))
    settings = planted.world.kafka
    letters = DeadLetters(settings)
    waiting = letters.find(Chosen())
    run = redriving.Redrive(settings)
    account = redriving.Redriven()
    run.put_back(letters.records(waiting[:4]), account, lambda _: None)
    # Killed with a transaction open, its records on the broker.
    run._producer.begin_transaction()
    run._producer.produce(planted.topic, b"half done", b"yard", 0, headers=[("winnow-redriven-from", b"x")])
    run._producer.flush()
    assert winnow("redrive", "--json")[1]["redriven"] == 5
    assert sorted(r.value for r in planted.back()) == [b"no %d" % n for n in range(9)]
    with pytest.raises(KafkaException):
        run._producer.commit_transaction(5)
    assert len(account.done) == 4
    assert len(planted.back()) == 9


def put_all_back(settings, progress=lambda _: None):
    account = redriving.Redriven()
    run = redriving.Redrive(settings)
    letters = DeadLetters(settings)
    waiting, _ = redriving.plan(letters.topics, letters.find(Chosen()), named=False)
    run.put_back(letters.records(waiting), account, progress)
    return account


def test_one_that_comes_later_takes_over_and_each_goes_back_once(planted, world, monkeypatch):
    monkeypatch.setattr(redriving, "BATCH", 3)
    planted.select(*(b"no %d" % n for n in range(12)))
    planted.bury(*batch(world, planted.topic))
    later = []

    def another(_):
        if not later:
            later.append(put_all_back(world.kafka))

    with pytest.raises(redriving.TakenOver):
        put_all_back(world.kafka, another)
    assert len(later[0].done) == 9  # the first has put back a batch of three
    assert sorted(r.value for r in planted.back()) == sorted(b"no %d" % n for n in range(12))


def test_many_at_once_put_each_back_once(planted, world, monkeypatch):
    monkeypatch.setattr(redriving, "BATCH", 3)
    planted.select(*(b"no %d" % n for n in range(60)))
    planted.bury(*batch(world, planted.topic))
    ended = []

    def run():
        try:
            put_all_back(world.kafka)
        except redriving.TakenOver:
            ended.append("taken over")
        else:
            ended.append("done")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 4
    assert "done" in ended
    assert sorted(r.value for r in planted.back()) == sorted(b"no %d" % n for n in range(60))


def test_a_record_that_its_topic_never_takes_stays_and_the_others_go_back(planted, winnow):
    large = os.urandom(50_000)
    planted.select(b"first", large, b"last")
    planted.bury(*batch(planted.world, planted.topic))
    limit = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, planted.topic, incremental_configs=[limit])
    admin = AdminClient(config.admin(planted.world.kafka))
    admin.incremental_alter_configs([resource])[resource].result(10)

    def applies():
        try:
            planted.select(large)
        except DependencyDown:
            return True

    eventually(applies)
    code, found = winnow("redrive", "--json")
    assert (code, found["redriven"], len(found["refused"])) == (1, 2, 1)
    assert "its topic does not take it" in found["refused"][0]["reason"]
    assert [r.value for r in planted.back()] == [b"first", b"last"]
    assert winnow("redrive", "--dry-run", "--json")[1]["redriven"] == 1


def test_letters_are_chosen_by_topic_service_error_time_and_place(planted, winnow, world):
    planted.select(b"not avro", b"")
    planted.selector.select(selected(Source(world.names.frames, 0, 4), b"GIF89a"))
    planted.handle()

    def offsets(*arguments):
        code, found = winnow("show", *arguments, "--json")
        return [letter["offset"] for letter in found["letters"]] if code == 0 else code

    assert offsets() == [0, 1, 2]
    assert offsets("0:1") == [1]
    assert offsets("--error", "neither jpeg nor png") == [2]
    assert offsets("--error", "poisonrecord") == [0, 1, 2]
    assert offsets("--topic", "selected.v1", "--service", "store", "--since", "1h") == [0, 1, 2]
    assert offsets("--topic", planted.letters) == [0, 1, 2]
    assert offsets("--until", "1h") == offsets("--topic", "frames.v1") == offsets("--service", "ledger") == 1
    assert offsets("--since", "2026-01-01T00:00:00Z", "--until", "9999-01-01") == [0, 1, 2]
    for wrong in (("7",), ("--topic", "images.v1"), ("--service", "trainer"), ("--since", "soon")):
        assert winnow("show", *wrong)[0] == 2, wrong
    code, text = winnow("show", "0:7")
    assert code == 1 and "no dead letter of 0:7" in text


def test_the_list_counts_by_error_without_what_varies(planted, winnow):
    planted.select(b"GIF89a", b"\x7fELF", b"\x1b[2J")
    planted.handle()
    (topic,) = [x for x in winnow("list", "--json")[1]["topics"] if x["count"]]
    (error,) = topic["errors"]
    assert (error["count"], error["last"]) == (3, "0:2")
    code, text = winnow("list")
    assert code == 0 and "first bytes …" in text
    assert "\x1b[2J" not in winnow("show", "0:2")[1]


def test_a_header_of_a_camera_is_no_mark_and_no_origin(planted, winnow):
    planted.select(b"no", headers=[("winnow-redriven", b"0:0"), ("winnow-offset", b"77"), ("winnow-attempt", b"x")])
    planted.select(b"alone", headers=[("winnow-redriven", b"0:0")])
    planted.handle()
    found = winnow("redrive", "--json")[1]
    assert (found["redriven"], found["before"]) == (2, 0)


def test_what_is_no_dead_letter_of_ours_is_left_and_named(planted, winnow):
    planted.selector._publish(planted.letters, "yard", b"by hand", None)
    planted.selector.publisher.flush()
    code, found = winnow("redrive", "--json")
    assert (code, found["redriven"]) == (1, 0) and "does not say where" in found["refused"][0]["reason"]


def test_an_export_has_the_bytes_and_an_index(planted, winnow, tmp_path):
    planted.select(b"not avro", b"\xff\x00", headers=[("bytes", b"\xff"), ("text", "ü".encode())])
    planted.handle()
    folder = tmp_path / "letters"
    code, found = winnow("export", str(folder), "--json")
    assert (code, found["written"], found["size_bytes"]) == (0, 2, 10)
    head, *entries = [json.loads(line) for line in (folder / "letters.jsonl").read_text().splitlines()]
    assert head["export"]["namespace"] == planted.world.namespace
    assert [(folder / entry["file"]).read_bytes() for entry in entries] == [b"not avro", b"\xff\x00"]
    assert entries[0]["key"] == {"text": "yard", "base64": base64.b64encode(b"yard").decode()}
    headers = {header["name"]: header for header in entries[0]["headers"]}
    assert headers["bytes"]["text"] is None and headers["text"]["text"] == "ü"
    assert base64.b64decode(headers["bytes"]["base64"]) == b"\xff"


def test_an_export_goes_on_where_it_was_cut_off_and_overwrites_nothing(planted, winnow, tmp_path):
    planted.select(*(b"no %d" % n for n in range(4)))
    planted.bury(*batch(planted.world, planted.topic))
    folder = tmp_path / "letters"
    winnow("export", str(folder), "--service", "store")
    index = folder / "letters.jsonl"
    whole, files = index.read_bytes(), sorted(folder.glob("*/*.bin"))
    index.write_bytes(whole[: whole.rindex(b'{"topic"') + 20])  # a line half written, its bytes too
    files[-1].write_bytes(b"n")
    assert winnow("export", str(folder), "--service", "store", "--json")[1] == {
        "folder": str(folder), "written": 1, "there": 3, "size_bytes": 4,
    }  # fmt: skip
    assert index.read_bytes() == whole and [f.read_bytes() for f in files] == [b"no %d" % n for n in range(4)]

    assert "another export" in winnow("export", str(folder))[1]
    index.write_bytes(whole[: whole.rindex(b'{"topic"')])
    files[-1].write_bytes(b"mine")
    code, text = winnow("export", str(folder), "--service", "store")
    assert code == 1 and "not overwritten" in text and files[-1].read_bytes() == b"mine"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert "is not empty" in winnow("export", str(tmp_path / "full"))[1]

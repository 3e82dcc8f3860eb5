"""`winnow camera` and `winnow status --cameras` on the real servers."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.books import Selector, batch, verdict
from tests.support.world import World, environment
from typer.testing import CliRunner

import ledger.app
from ledger.settings import ReaderSettings
from winnow.clock import now
from winnow.errors import Refused
from winnow.events import Camera, Outcome
from winnow_cli.__main__ import app

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def world(stack, tmp_path_factory):
    """One namespace for all tests here: each has cameras of its own."""
    made = World(stack, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("world"))
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def winnow(world):
    def run(*arguments):
        """A command's result, or what it refused."""
        with environment(world.env):
            result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, Refused):
            return str(result.exception)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def shown(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_a_camera_is_added_changed_and_removed(world, winnow, tmp_path):
    added = shown(winnow("camera", "add", "yard-1", "--name", "Yard", "--group", "yard", "--partition", "3", "--json"))
    assert (added["name"], added["group"], added["partition"], added["time_zone"]) == ("Yard", "yard", 3, "UTC")
    record = world.records(world.names.cameras)[-1]
    assert (record.offset, record.key) == (added["version"], b"yard-1")
    assert "configured already; nothing was written" in winnow("camera", "add", "yard-1")
    assert "not configured" in winnow("camera", "set", "nobody", "--name", "x")
    told = winnow("camera", "set", "yard-1", "--partition", "4", "--time-zone", "Mars/Base")
    assert "partition: '4'" in told and "0 to 3" in told and "time_zone: 'Mars/Base'" in told
    assert winnow("camera", "set", "yard-1").exit_code == 2
    assert len(world.records(world.names.cameras)) == added["version"] + 1, "what is refused writes nothing"

    changed = winnow(
        "camera", "set", "yard-1", "--partition", "", "--expected-interval", "0.5", "--mask", "0,0,1,0,1,1"
    )
    assert "judged as a new camera" in changed.output
    now_is = shown(winnow("camera", "show", "yard-1", "--json"))
    assert (now_is["name"], now_is["partition"], now_is["expected_interval_s"]) == ("Yard", None, 0.5)
    assert now_is["masks"] == [[0, 0, 1, 0, 1, 1]]
    again = shown(winnow("camera", "set", "yard-1", "--name", "Yard", "--json"))
    assert again == now_is, "what is so already is not written again"
    assert world.codec.decode(Camera, world.records(world.names.cameras)[-1].value).masks == ((0, 0, 1, 0, 1, 1),)
    assert [c["camera_id"] for c in shown(winnow("camera", "list", "--json"))["cameras"]] == ["yard-1"]

    removed = shown(winnow("camera", "remove", "yard-1", "--json"))
    last = world.records(world.names.cameras)[-1]
    assert (last.key, last.value, last.offset) == (b"yard-1", None, removed["version"])
    assert "not configured" in winnow("camera", "show", "yard-1")
    assert "not configured" in winnow("camera", "remove", "yard-1")
    assert shown(winnow("camera", "list", "--json"))["cameras"] == []
    assert shown(winnow("camera", "add", "yard-1", "--json"))["name"] == ""


def test_status_shows_silent_wrong_and_never_sent_cameras_first(world, winnow):
    at, topic = now(), world.names.frames
    selector = Selector(world, partition=1)

    def sent(camera, first, count, ago_s=0.0, every_s=1.0, **fields):
        times = [at - timedelta(seconds=ago_s + every_s * (count - n)) for n in range(count)]
        made = [
            verdict(topic, first + n, partition=1, camera=camera, broker_time=t, **fields) for n, t in enumerate(times)
        ]
        selector.judge(*made)

    sent("s-fine", 0, 20)
    sent("s-late", 20, 20, every_s=60)  # late, and not silent before three minutes
    sent("s-late-by-its-own", 40, 20, ago_s=20)
    sent("s-torn", 60, 5, outcome=Outcome.UNREADABLE, reason="undecodable", detail="cut short")
    sent("s-clock", 65, 5, flags=("clock_skew",))
    sent(None, 70, 2, outcome=Outcome.UNREADABLE, reason="wrong_key", detail="the record's key b'17' is not its camera")
    foreign = verdict(
        topic, 72, partition=1, broker_time=at, outcome=Outcome.UNREADABLE, reason="not_avro", detail="no"
    )
    foreign = replace(foreign, camera_id=None)
    selector._publish(world.names.verdicts, "s-fine", world.codec.encode(world.names.verdicts, foreign))
    selector.publisher.flush()
    with ledger.app.handler(world.settings(ReaderSettings)) as handler:
        handler.handle(batch(world, world.names.verdicts, partition=1))
    winnow("camera", "add", "s-late-by-its-own", "--expected-interval", "1", "--name", "The gate", "--group", "street")
    winnow("camera", "add", "s-never")

    told = shown(winnow("status", "--cameras", "--json"))
    ours = {one["camera_id"]: one for one in told["cameras"] if one["camera_id"].startswith("s-")}
    assert [(name, one["state"]) for name, one in ours.items()] == [
        ("s-late-by-its-own", "silent"),
        ("s-clock", "wrong"),
        ("s-fine", "wrong"),
        ("s-torn", "wrong"),
        ("s-never", "never"),
        ("s-late", "sending"),
    ]
    late = ours["s-late-by-its-own"]
    assert (late["name"], late["group"]) == ("The gate", "street")
    assert "expected every 1 s" in late["why"]
    assert ours["s-clock"]["problems"] == {"clock_skew": pytest.approx(1.0)}
    assert "cut short" in ours["s-torn"]["why"]
    assert "not_avro" in ours["s-fine"]["why"], "a record that names no camera counts for the one whose key it has"
    assert told["of_no_camera"]["records"] == 2
    assert "b'17'" in told["of_no_camera"]["last_problem"]

    page = winnow("status", "--cameras").output
    assert page.index("s-clock") < page.index("s-torn") < page.index("s-never") < page.index("sending")
    assert "The gate" in page and "group street" in page and "records of no known camera: 2" in page
    assert max(map(len, page.split("\n\n")[0].splitlines())) <= 80

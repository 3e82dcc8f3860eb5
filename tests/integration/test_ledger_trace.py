"""`winnow trace`, `winnow dlq` and `winnow balance` on the real servers."""

import json
import re

import pytest
import typer
from tests.integration.test_balance import FRAMES, Run
from tests.support.books import selected, verdict
from tests.support.world import environment
from typer.testing import CliRunner

from winnow.events import Nearest, Outcome, RuleOutcome, Source
from winnow_cli.commands import balance, dlq, trace

pytestmark = pytest.mark.stack

app = typer.Typer()
app.command()(balance.balance)
app.command()(trace.trace)
app.add_typer(dlq.app, name="dlq")


@pytest.fixture
def run(world):
    return Run(world)


@pytest.fixture
def winnow(world):
    world.need_tables()

    def call(*arguments):
        with environment(world.env):
            result = CliRunner().invoke(app, list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        lines = result.stdout.strip().splitlines()
        return result.exit_code, json.loads(lines[-1]) if "--json" in arguments and lines else result.output

    return call


def test_a_trace_goes_from_the_record_to_the_object(run, winnow):
    run.judged(*range(5))
    run.ledger()
    again = verdict(run.names.frames, 6, frame_id="yard-2", outcome=Outcome.REDELIVERED, reason="redelivered")
    by_rules = verdict(
        run.names.frames,
        5,
        flags=("control",),
        reason="control",
        rules=RuleOutcome("rejected", "near_duplicate"),
        signals={"control_weight_s": 450.0},
        thresholds={"control_every_s": 1800.0},
        nearest=Nearest("yard-2", 3.5),
    )
    run.selector.judge(by_rules, again)
    run.finish()
    run.store()

    code, story = winnow("trace", "yard-2", "--json")
    assert code == 0
    first, copy = story["frames"]
    assert (first["source"], first["pending"], first["object_there"], first["frame_there"]) == (
        "0:2",
        False,
        True,
        True,
    )
    assert first["ledger_file"].endswith("/0-0-4.parquet")
    assert first["stored"]["image_id"] and first["verdict"]["thresholds"] == {"novelty": 12.0}
    assert (copy["source"], copy["pending"], copy["verdict"]["outcome"]) == ("0:6", True, "redelivered")

    _, control = winnow("trace", "0:5", "--json")
    assert control["frames"][0]["verdict"]["nearest"] == {"frame_id": "yard-2", "distance": 3.5}
    assert control["frames"][0]["verdict"]["rules"]["reason"] == "near_duplicate"
    _, text = winnow("trace", "0:5")
    assert "rules said" in text and "rejected, near_duplicate" in text
    words = " ".join(text.replace("│", " ").split())  # the table breaks lines
    assert re.search(r"weight 450 s since the frame before, inclusion 0\.2\d*, a slot of 1800 s", words), text
    assert re.search(r"effort +│ full", text) and "newest policy of all" in text
    _, by_image = winnow("trace", first["stored"]["image_id"], "--json")
    assert [frame["source"] for frame in by_image["frames"]] == ["0:2"]
    code, text = winnow("trace", "yard-2", "--camera", "yard")
    assert code == 0 and "there" in text and "sharpness 3.5" in text


def test_an_unknown_frame_is_said_to_be_unknown(run, winnow):
    code, text = winnow("trace", "nobody")
    assert code == 1 and "no verdict on nobody is known" in text
    assert winnow("trace", "yard-1", "--camera", "other")[0] == 1


def test_a_dead_letter_is_listed_and_shown(run, winnow):
    run.selector.select(selected(Source(run.names.frames, 0, 4), b"GIF89a"))
    run.selector._publish(run.names.selected, "yard", b"not avro")
    run.selector.publisher.flush()
    run.store()
    _, listed = winnow("dlq", "list", "--json")
    letters = {row["topic"]: row for row in listed["topics"]}[f"{run.names.selected}.store.dlq"]
    assert (letters["service"], letters["count"]) == ("store", 2)
    assert "not Avro" in letters["last_error"]
    _, shown = winnow("dlq", "show", "0:0", "--json", "--topic", run.names.selected)
    (letter,) = shown["letters"]
    assert letter["headers"]["winnow-source"] == "0:4"
    assert json.loads(letter["value"])["frame_id"] == "yard-4"
    code, text = winnow("dlq", "show", "0:1")
    assert code == 0 and b"not avro".hex(" ") in text and "cannot be decoded" in text


def test_the_balance_command_exits_with_its_answer(run, winnow):
    run.judged(*range(FRAMES))
    run.finish()
    run.store()
    code, found = winnow("balance", "--json")
    assert (code, found["balanced"], found["kept"], found["stored"]) == (0, True, 3, 3)
    assert set(found) >= {
        "frames", "verdicts", "kept", "control", "rejected", "unreadable", "redelivered", "expired", "lost", "pending",
        "unjudged", "stored", "in_flight", "dead_letters", "doubled", "missing", "balanced", "partitions", "problems",
    }  # fmt: skip
    run.judged(6)
    code, text = winnow("balance")
    assert code == 1 and "does not hold" in text and "two verdicts" in text

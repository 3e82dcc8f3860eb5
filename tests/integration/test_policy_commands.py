"""`winnow policy` on the real servers, and a selector that takes changes up while it runs."""

import itertools
import json
import threading

import pytest
from tests.support.pictures import frame, stream
from tests.support.world import SAMPLING_KEY, environment, eventually
from typer.testing import CliRunner

from winnow.errors import Refused
from winnow.events import SelectionPolicy, Verdict
from winnow.kafka.producer import Publisher
from winnow_cli.__main__ import app

pytestmark = pytest.mark.stack


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


def test_policies_are_set_shown_and_remembered(world, winnow, tmp_path):
    policies, cameras = world.names.policies, ("one", "two")
    for camera in cameras:
        winnow("camera", "add", camera, "--group", "yard")
    [*_, first] = world.records(policies)

    told = winnow("policy", "set", "group/yard", "kept_per_hour=0", "brust=1", "sampling_key=x")
    assert all(name in told for name in ("kept_per_hour is 0; it must be from 0.01", "brust", "sampling_key cannot"))
    assert winnow("policy", "set", "group/yard").exit_code == 2
    assert winnow("policy", "set", "group/yard", "burst").exit_code == 2
    assert "camera/ID, group/NAME and default" in winnow("policy", "set", "yard", "burst=3")
    assert world.records(policies)[-1] == first, "what is refused writes nothing"

    (tmp_path / "yard.yaml").write_text("kept_per_hour: 60\nnote: quiet place\n")
    made = shown(winnow("policy", "set", "group/yard", "--file", str(tmp_path / "yard.yaml"), "--json"))
    record = world.records(policies)[-1]
    policy = world.codec.decode(SelectionPolicy, record.value)
    assert (made["version"], made["cameras"], made["inherited_from"]) == (record.offset, ["one", "two"], "default")
    assert (policy.kept_per_hour, policy.burst, policy.sampling_key) == (60.0, 10.0, None)
    own = shown(winnow("policy", "set", "camera/one", "burst=3", "--json"))
    assert (own["inherited_from"], own["policy"]["kept_per_hour"], own["policy"]["note"]) == ("group/yard", 60.0, "")
    changed = winnow("policy", "set", "default", "control_every_s=4")
    assert "control_every_s 2 -> 4" in changed.output
    assert world.codec.decode(SelectionPolicy, world.records(policies)[-1].value).sampling_key == SAMPLING_KEY
    before = len(world.records(policies))
    assert "nothing was written" in winnow("policy", "set", "default", "control_every_s=4").output
    assert len(world.records(policies)) == before
    assert "no effect here" in winnow("policy", "set", "camera/one", "split_block_s=99").output

    one, two = (shown(winnow("policy", "show", "--camera", camera, "--json")) for camera in cameras)
    assert (one["key"], one["scene"], one["split_block_s"]) == ("camera/one", "group/yard", 20.0)
    assert (two["key"], two["looked_for"]) == (
        "group/yard",
        {"camera/two": None, "group/yard": made["version"], "default": before - 1},
    )
    assert "no policy group/none" in winnow("policy", "show", "group/none")

    publisher = Publisher(world.kafka, client_id="test-remove")
    for key in ("camera/one", "default"):
        publisher.publish(policies, key, None)
    publisher.flush()
    assert shown(winnow("policy", "show", "--camera", "one", "--json"))["key"] == "group/yard"
    assert shown(winnow("policy", "show", "default", "--json"))["policy"]["control_every_s"] == 4.0
    history = shown(winnow("policy", "history", "camera/one", "--json"))["versions"]
    assert [list(one["changes"]) for one in history[1:]] == [["split_block_s"], []]
    assert history[-1]["removed"] and history[0]["by"].count("@") == 1
    last, ignored = shown(winnow("policy", "history", "default", "--json"))["versions"][-2:]
    assert last["changes"] == {"control_every_s": {"old": 2.0, "new": 4.0}}
    assert "cannot be removed" in ignored["ignored"]
    for arguments in (["show"], ["show", "default"], ["show", "--camera", "none"], ["history", "default"]):
        page = winnow("policy", *arguments).output
        assert "SHA-256" in page or arguments == ["show"]
        assert SAMPLING_KEY.decode() not in page and SAMPLING_KEY.hex() not in page


def test_a_running_selector_takes_policies_and_cameras_up_without_a_restart(world, winnow):
    selector = world.start("selector")
    images, stop = [one.image for one in stream("yard", 8)], threading.Event()

    def send():
        frames, publisher = world.names.frames, Publisher(world.kafka, client_id="test-frames")
        for number in itertools.count():
            made = frame("yard", number, images[number % 8])
            publisher.publish(frames, "yard", world.codec.encode(frames, made))
            if stop.wait(0.05):
                break
        publisher.flush()

    sender = threading.Thread(target=send)
    sender.start()

    def judged():
        return sorted(world.events(world.names.verdicts, Verdict), key=lambda v: v.source.offset)

    def newest_goes_by(policy, camera):
        def last():
            return [(v.policy_version, v.camera_version) for v in judged()[-1:]]

        eventually(lambda: last() == [(policy, camera)], timeout_s=20, what=f"policy {policy}, camera {camera}")

    try:
        old = shown(winnow("policy", "show", "default", "--json"))["version"]
        newest_goes_by(old, -1)
        new = shown(winnow("policy", "set", "default", "kept_per_hour=60", "--json"))["version"]
        newest_goes_by(new, -1)
        camera = shown(winnow("camera", "add", "yard", "--json"))["version"]
        newest_goes_by(new, camera)
        winnow("camera", "remove", "yard")
        newest_goes_by(new, -1)
        publisher = Publisher(world.kafka, client_id="test-bad")
        publisher.publish(world.names.policies, "default", None)
        publisher.flush()
        eventually(lambda: selector.metric("winnow_policy_errors_total") == 1, what="the alert")
        behind = len(judged())
        eventually(lambda: len(judged()) > behind, what="a verdict after it")
    finally:
        stop.set()
        sender.join()
    versions = [v.policy_version for v in judged()]
    assert versions == sorted(versions), "an older policy never comes back"
    assert set(versions) == {old, new}
    assert world.records(world.names.policies)[new].key == b"default"
    assert selector.process.poll() is None, "the same process judged all of it"

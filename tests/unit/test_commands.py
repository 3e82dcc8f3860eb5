"""The command line itself: what a shell completes, and the end of a log."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from winnow_cli.__main__ import app
from winnow_cli.stack import Home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which something ran: it has logs of 30 lines, and nothing runs."""
    logs = Home(tmp_path, tmp_path / "cache").run("up").logs
    logs.mkdir(parents=True)
    for name in ("kafka", "selector"):
        (logs / f"{name}.log").write_text("".join(f"{name} {number}\n" for number in range(30)))
    return tmp_path


def winnow(home: Path, *arguments: str, **env: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="winnow", env={"WINNOW_HOME": str(home), **env})


def completed(home: Path, line: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    env = {"_WINNOW_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return winnow(home, **env).stdout.split()


def test_a_shell_completes_commands_options_and_names_of_processes(home: Path) -> None:
    assert completed(home, "winnow dem") == ["demo"]
    assert completed(home, "winnow dlq re") == ["redrive"]
    assert completed(home, "winnow balance --js") == ["--json"]
    assert completed(home, "winnow logs ") == ["kafka", "selector"]
    assert completed(home, "winnow logs sel") == ["selector"]


def test_logs_prints_the_end_of_a_process_log(home: Path) -> None:
    shown = winnow(home, "logs", "selector", "-n", "2")
    assert (shown.exit_code, shown.stdout) == (0, "selector 28\nselector 29\n")
    assert len(winnow(home, "logs", "kafka").stdout.splitlines()) == 30
    assert winnow(home, "logs", "kafka", "-n", "0").stdout == ""


def test_logs_of_what_has_none_names_those_that_are_there(home: Path, tmp_path: Path) -> None:
    shown = winnow(home, "logs", "trainer")
    assert shown.exit_code == 1
    assert "no log of trainer; there are: kafka, selector" in shown.stderr
    shown = winnow(tmp_path / "new", "logs", "kafka")
    assert shown.exit_code == 1
    assert "has no logs yet" in shown.stderr

"""All checks: what is asked, in which order, and what an answer decides for the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from winnow.errors import Refused
from winnow.settings import DatabaseSettings, KafkaSettings, ObjectSettings, load
from winnow_cli.connection import environment
from winnow_cli.doctor import (
    broker,
    cameras,
    clocks,
    disk,
    lag,
    letters,
    machine,
    packages,
    retention,
    runs,
    services,
    storage,
)
from winnow_cli.doctor.bounded import READ_WITHIN_S, WITHIN_S, Check, look, start, without
from winnow_cli.doctor.finding import Answer, Finding, State, not_looked_at, wrong
from winnow_cli.doctor.spool import spool
from winnow_cli.stack import Home, NotRunning, Stack

SettingsT = TypeVar("SettingsT", KafkaSettings, ObjectSettings, DatabaseSettings)


def examine(home: Home) -> list[Finding]:
    """Every finding, in the order in which they were asked; takes less than 20 s whatever hangs."""
    if "WINNOW_KAFKA_BOOTSTRAP" in os.environ:
        named = "WINNOW_KAFKA_BOOTSTRAP names servers; those of this home are not asked"
        found = look(_machine(home))
        return [*found, Finding("local stack", State.NOT_LOOKED_AT, named, ""), *_servers(None, {})]
    try:
        stack, statuses = start(partial(_attached, home)).result(WITHIN_S)
    except (TimeoutError, OSError, ValueError, KeyError) as error:
        answer = runs.unanswered(home, error)
        found = look([*_machine(home), *machine.server_programs()])
        return [*found, Finding("local stack", answer.state, answer.what, answer.mend)]
    found = look([*_machine(home), *machine.server_programs(), *_runs(home, stack)])
    if stack is None:
        why = "nothing runs here: no server, service, topic, lag, dead letter or camera was looked at"
        return [*found, Finding("local stack", State.NOT_LOOKED_AT, why, "winnow up")]
    environment(stack)
    names = dict.fromkeys([*statuses, *(services.WANTED if stack.run.name == "up" else ())])
    found += look(
        [
            Check(f"process {name}", partial(services.process, name, statuses.get(name)), f"winnow logs {name} -n 30")
            for name in names
        ]
    )
    return [*found, *_servers(stack, statuses)]


def _attached(home: Home) -> tuple[Stack | None, dict[str, dict[str, Any]]]:
    try:
        stack = Stack.attach(home)
        return stack, {status["name"]: status for status in stack.status()}
    except NotRunning:
        return None, {}


def _machine(home: Home) -> list[Check]:
    running = "WINNOW_KAFKA_BOOTSTRAP" in os.environ or runs.held(home.lock)
    return [
        *machine.checks(),
        Check("memory", partial(machine.memory, running=running), "look at the machine"),
        Check("packages", packages.packages, "remove .winnow/venv; the next ./winnow makes it anew"),
        Check("home", partial(disk.home_folder, home), "set WINNOW_HOME to a folder of yours"),
        Check("disk", partial(disk.room, home, _spool_max_bytes()), "set WINNOW_HOME to a disk that answers"),
    ]


def _runs(home: Home, stack: Stack | None) -> list[Check]:
    mend = "winnow down, then winnow up"
    return [
        Check("run files", partial(runs.run_files, home, stack), mend),
        Check("processes", partial(runs.leftovers, home, stack), mend),
        Check("ports", partial(runs.ports, home, stack), mend),
    ]


def _servers(stack: Stack | None, statuses: dict[str, dict[str, Any]]) -> list[Finding]:
    """The servers, and what can only be asked of those that answer."""
    kafka, objects, database = _settings(KafkaSettings), _settings(ObjectSettings), _settings(DatabaseSettings)
    if isinstance(kafka, Answer):
        return [Finding("settings", kafka.state, kafka.what, kafka.mend)]
    answers = look(
        [
            Check("broker", partial(broker.broker, kafka), _log("kafka")),
            Check("registry", partial(broker.registry, kafka), _log("registry")),
            Check("object storage", _given(objects, storage.objects), _log("objects")),
            Check("PostgreSQL", _given(database, storage.database), _log("postgres")),
        ]
    )
    up = {one.name for one in answers if one.state in (State.OK, State.WARNING)}
    names = kafka.names
    read = {
        "selector": [names.frames],
        "store": [names.selected],
        "ledger": [names.verdicts, names.state],
    }
    asked: dict[str, list[Check]] = {
        "broker": [
            *_retention(kafka, stack),
            Check("topics", partial(broker.topics, kafka), "winnow topics diff", READ_WITHIN_S),
            *(
                Check(f"lag of {name}", partial(lag.lag, kafka, name, topics), _log(name), lag.WITHIN_S)
                for name, topics in read.items()
            ),
            Check("dead letters", partial(letters.dead_letters, kafka), "winnow dlq list", READ_WITHIN_S),
        ],
        "registry": [Check("schemas", partial(broker.schemas, kafka), "winnow topics diff", READ_WITHIN_S)],
        "broker, registry": [Check("policies", partial(broker.policies, kafka), "winnow policy show", READ_WITHIN_S)],
        "broker, registry, PostgreSQL": [
            Check(
                "cameras", _given(database, partial(cameras.cameras, kafka)), "winnow status --cameras", READ_WITHIN_S
            )
        ],
    }
    more, idle = [_clocks(kafka, objects, database, up), _spool(stack, statuses, up)], []
    for servers, checks in asked.items():
        away = [server for server in servers.split(", ") if server not in up]
        if away:
            idle += without(" and ".join(away), checks)
        else:
            more += checks
    return [*answers, *look(more), *idle]


def _clocks(
    kafka: KafkaSettings, objects: ObjectSettings | Answer, database: DatabaseSettings | Answer, up: set[str]
) -> Check:
    asked: dict[str, clocks.Clock] = {
        "broker": partial(clocks.of_broker, kafka),
        "registry": partial(clocks.of_http, f"{kafka.registry_url}/subjects"),
    }
    if not isinstance(objects, Answer):
        asked["object storage"] = partial(clocks.of_http, objects.s3_endpoint)
    if not isinstance(database, Answer):
        asked["PostgreSQL"] = partial(clocks.of_database, database)
    asked = {name: ask for name, ask in asked.items() if name in up}
    return Check("clocks", partial(clocks.clocks, asked), "look at the servers' clocks", READ_WITHIN_S)


def _spool(stack: Stack | None, statuses: dict[str, dict[str, Any]], up: set[str]) -> Check:
    given = os.environ.get("WINNOW_INGEST_SPOOL_DIR")
    folder = Path(given) if given else stack.run.data / "spool" if stack is not None else None
    ask = partial(
        spool,
        folder,
        _spool_max_bytes(),
        ingest_runs=bool(statuses.get("ingest", {}).get("pid")),
        broker_answers="broker" in up,
    )
    return Check("spool", ask, "look at the disk of the spool")


def _retention(kafka: KafkaSettings, stack: Stack | None) -> list[Check]:
    """Only where the broker's files are ours to see."""
    if stack is None:
        return []
    ask = partial(retention.retention, kafka, stack.run.data / "kafka")
    return [Check("disk for frames", ask, "look at the disk of the home", READ_WITHIN_S)]


def _spool_max_bytes() -> int:
    from ingest.settings import UploadSettings

    given = os.environ.get("WINNOW_INGEST_SPOOL_MAX_BYTES", "")
    return int(given) if given.isdigit() else int(UploadSettings.model_fields["ingest_spool_max_bytes"].default)


def _settings(kind: type[SettingsT]) -> SettingsT | Answer:
    """The settings, or why there are none: missing ones are nobody's fault where a part is not used."""
    try:
        return load(kind)
    except Refused as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        mend = f"set {', '.join(line.split(':')[0] for line in lines)}"
        if all(line.endswith(": Field required") for line in lines) and kind is not KafkaSettings:
            return not_looked_at("its address and credentials are not set", mend)
        return wrong("; ".join(lines), mend)


def _given(settings: SettingsT | Answer, ask: Callable[[SettingsT], Answer]) -> Callable[[], Answer]:
    """The check with its settings; without them the answer is why."""
    if isinstance(settings, Answer):
        return lambda: settings
    return partial(ask, settings)


def _log(process: str) -> str:
    return f"winnow logs {process} -n 30"

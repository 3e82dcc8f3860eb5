"""Apache Kafka, one node in KRaft mode."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

from winnow_cli.stack.artifacts import Artifact
from winnow_cli.stack.home import RunFolder
from winnow_cli.stack.servers.java import aot_cache, class_path, java
from winnow_cli.stack.spec import ProcessSpec, Ready

# A broker killed with -9 is back in 4.5 s and a killed member's partitions are taken over after 6 s: the
# defaults (14 s, 45 s) are made for machine rooms.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={logs}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=300
group.consumer.min.heartbeat.interval.ms=300
group.consumer.session.timeout.ms=6000
group.consumer.min.session.timeout.ms=3000
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
log.cleaner.dedupe.buffer.size=16777216
"""

_LOGGING = """\
status=error
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c)%n
"""


def spec(run: RunFolder, ports: dict[str, int], artifacts: list[Artifact], cache: Path, *aot: str) -> ProcessSpec:
    """The broker of a run; `aot` overrides the option that names its ahead-of-time cache."""
    jars = jar_paths(artifacts, cache)
    aot = aot or (f"-XX:AOTCache={aot_cache(cache, 'kafka', jars)}",)
    return ProcessSpec(
        name="kafka",
        argv=(*_java(run, jars, *aot), "kafka.Kafka", str(_write_settings(run, ports))),
        ready=Ready("kafka", f"127.0.0.1:{ports['kafka']}"),
        group="servers",
        ports={"kafka": ports["kafka"]},
        inherit_env=False,
    )


def format_spec(run: RunFolder, ports: dict[str, int], artifacts: list[Artifact], cache: Path) -> ProcessSpec:
    """A one-shot command that formats the run's empty log folder."""
    cluster = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
    settings = str(_write_settings(run, ports))
    # "-t=ID": a random id may begin with a dash.
    command = ("kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}", "--config", settings)
    return ProcessSpec(
        name="kafka-format",
        argv=(*_java(run, jar_paths(artifacts, cache)), *command),
        inherit_env=False,
        restart=False,
    )


def jar_paths(artifacts: list[Artifact], cache: Path) -> list[Path]:
    return [one.path(cache) for one in artifacts if one.server == "kafka"]


def fill(run: RunFolder, template: Path) -> None:
    """Give a run without data the formatted log folder of `template`, under a cluster id of its own."""
    logs = run.data / "kafka"
    if logs.exists():
        return
    partial = logs.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(template, partial)
    properties = partial / "meta.properties"
    cluster = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
    lines = [
        f"cluster.id={cluster}" if line.startswith("cluster.id=") else line
        for line in properties.read_text().splitlines()
    ]
    properties.write_text("\n".join(lines) + "\n")
    partial.rename(logs)


def _java(run: RunFolder, jars: list[Path], *options: str) -> tuple[str, ...]:
    logging = run.settings / "log4j2.properties"
    logging.write_text(_LOGGING)
    return java(run, 512, *options, f"-Dlog4j2.configurationFile={logging.as_uri()}", "-cp", class_path(jars))


def _write_settings(run: RunFolder, ports: dict[str, int]) -> Path:
    settings = run.settings / "server.properties"
    logs = str(run.data / "kafka").replace("\\", "\\\\")
    settings.write_text(_SETTINGS.format(broker=ports["kafka"], controller=ports["kafka_controller"], logs=logs))
    return settings

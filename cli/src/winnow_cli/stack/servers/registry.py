"""Apicurio Registry, spoken to through its Confluent-compatible interface."""

from __future__ import annotations

from pathlib import Path

from winnow_cli.stack.artifacts import Artifact
from winnow_cli.stack.home import RunFolder
from winnow_cli.stack.servers.java import aot_cache, java
from winnow_cli.stack.spec import ProcessSpec, Ready

# DELETE of the compatibility interface works even with deletion switched off; both rules are needed.
_NO_DELETE = (
    "-Dquarkus.http.auth.permission.rw.paths=/*",
    "-Dquarkus.http.auth.permission.rw.methods=GET,HEAD,POST,PUT,OPTIONS",
    "-Dquarkus.http.auth.permission.rw.policy=permit",
    "-Dquarkus.http.auth.permission.nodel.paths=/*",
    "-Dquarkus.http.auth.permission.nodel.methods=DELETE",
    "-Dquarkus.http.auth.permission.nodel.policy=deny",
)


def spec(run: RunFolder, ports: dict[str, int], artifacts: list[Artifact], cache: Path, *aot: str) -> ProcessSpec:
    """The registry of a run, its schemas in an H2 file: PostgreSQL would make it wait for another server."""
    jar = jar_path(artifacts, cache)
    aot = aot or (f"-XX:AOTCache={aot_cache(cache, 'registry', [jar])}",)
    (run.data / "registry").mkdir(exist_ok=True)
    return ProcessSpec(
        name="registry",
        argv=(*java(run, 256, *aot, *_NO_DELETE), "-jar", str(jar)),
        env={
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(ports["registry"]),
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": str(ports["registry_management"]),
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_LOG_LEVEL": "WARN",
            "APICURIO_RULES_GLOBAL_COMPATIBILITY": "FULL_TRANSITIVE",
            "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{run.data / 'registry' / 'schemas'}",
            "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "1",
            "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "4",
        },
        ready=Ready("http", f"{url(ports)}/subjects"),
        group="servers",
        ports={"registry": ports["registry"], "registry_management": ports["registry_management"]},
        inherit_env=False,
    )


def url(ports: dict[str, int]) -> str:
    return f"http://127.0.0.1:{ports['registry']}/apis/ccompat/v7"


def jar_path(artifacts: list[Artifact], cache: Path) -> Path:
    [archive] = [one for one in artifacts if one.server == "registry"]
    return archive.unpacked(cache) / "quarkus-run.jar"

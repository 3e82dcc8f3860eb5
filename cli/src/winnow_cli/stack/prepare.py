"""What every run of a machine can share: Java's ahead-of-time caches and empty server data."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from winnow_cli.stack.artifacts import Artifact
from winnow_cli.stack.children import Children
from winnow_cli.stack.errors import StartFailed
from winnow_cli.stack.home import RunFolder
from winnow_cli.stack.process import Process, log_tail
from winnow_cli.stack.servers import kafka, objects, postgres, registry
from winnow_cli.stack.servers.java import aot_cache
from winnow_cli.stack.spec import ProcessSpec

ASSEMBLY_TIMEOUT_S = 180.0
"""A JVM writes its cache while it ends: 2 to 8 s on two cores."""

LOCK_POLL_S = 0.2


@dataclass(frozen=True)
class Prepared:
    """Where the empty data of Kafka and PostgreSQL is."""

    kafka: Path
    postgres: Path


async def prepare(artifacts: list[Artifact], cache: Path, children: Children, say: Callable[[str], None]) -> Prepared:
    """Make what the cache lacks, by running each server once on scratch data. Raises `StartFailed`."""
    kafka_jars = kafka.jar_paths(artifacts, cache)
    caches = {
        "kafka": aot_cache(cache, "kafka", kafka_jars),
        "registry": aot_cache(cache, "registry", registry.jar_paths(artifacts, cache)),
        "objects": aot_cache(cache, "objects", [objects.jar_path(artifacts, cache)]),
    }
    prepared = Prepared(
        cache / "templates" / f"kafka-{_digest(*map(str, kafka_jars))}",
        cache / "templates" / f"postgres-{_digest(postgres.fingerprint())}",
    )
    wanted = [*caches.values(), prepared.kafka, prepared.postgres]
    if all(path.exists() for path in wanted):
        return prepared
    lock = FileLock(cache / "prepare.lock")
    await _acquire(lock)
    for left in cache.glob("prepare-*"):  # by one that was killed; nobody else holds the lock
        shutil.rmtree(left, ignore_errors=True)
    scratch = RunFolder(Path(tempfile.mkdtemp(prefix="prepare-", dir=cache)))
    try:
        say("preparing the servers (once: about 20 seconds)")
        for path in wanted:
            path.parent.mkdir(exist_ok=True)
        scratch.make()
        ports = scratch.ports()
        if not prepared.kafka.exists():
            log = scratch.log("kafka-format")
            code = await children.spawn(kafka.format_spec(scratch, ports, artifacts, cache), log).exited
            if code != 0:
                raise StartFailed(f"formatting Kafka's empty data ended with exit code {code}:\n{log_tail(log, 25)}")
            (scratch.data / "kafka").rename(prepared.kafka)
        if not prepared.postgres.exists():
            fresh = scratch.data / "postgres"
            await postgres.initialise(fresh, scratch, children)
            fresh.rename(prepared.postgres)
        kafka.fill(scratch, prepared.kafka)
        specs = {"kafka": kafka.spec, "registry": registry.spec, "objects": objects.spec}
        recordings = []
        for name, target in caches.items():
            if not target.exists():
                partial = scratch.scratch / target.name
                spec = specs[name](scratch, ports, artifacts, cache, f"-XX:AOTCacheOutput={partial}")
                recordings.append(_record(spec, scratch, children, partial, target))
        await asyncio.gather(*recordings)
        return prepared
    finally:
        shutil.rmtree(scratch.path, ignore_errors=True)
        lock.release()


async def _acquire(lock: FileLock) -> None:
    """Wait for another home's preparation; by polling, since a thread that waits could not be interrupted."""
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            await asyncio.sleep(LOCK_POLL_S)
        else:
            return


async def _record(spec: ProcessSpec, scratch: RunFolder, children: Children, partial: Path, target: Path) -> None:
    """Run a server until it is ready and stop it, so that its JVM writes down what it has loaded."""
    process = Process(spec, scratch.log(spec.name), children, stop_timeout_s=ASSEMBLY_TIMEOUT_S)
    process.start()
    try:
        await process.wait_ready()
        await process.stop()
    finally:
        # Interrupted: nobody waits for the seconds that the JVM writes.
        await process.kill()
    # A JVM that could not write one ignores an empty one, and the next start does not try again.
    partial.touch()
    partial.rename(target)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

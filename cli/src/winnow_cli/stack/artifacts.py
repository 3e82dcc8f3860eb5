"""The servers' files: what `stack.lock` names, fetched once into the shared cache and verified."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from winnow_cli.stack.errors import ArtifactRefused, ArtifactUnavailable

ATTEMPTS = 3
PARALLEL_DOWNLOADS = 6
CONNECT_AND_READ_TIMEOUT_S = 60

Progress = Callable[["Artifact", int], None]
"""Called with an artifact and how many more of its bytes have arrived; a negative count starts it over."""


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository, and what it must be: `sha256` in hex, `size_bytes` for the progress."""

    server: str
    group: str
    name: str
    version: str
    classifier: str
    packaging: str
    size_bytes: int
    sha256: str

    @property
    def coordinate(self) -> str:
        """`group:name:version:classifier:packaging`, the classifier empty where there is none."""
        return f"{self.group}:{self.name}:{self.version}:{self.classifier}:{self.packaging}"

    @property
    def filename(self) -> str:
        """The file's name in a Maven repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"

    def path(self, cache: Path) -> Path:
        """Where the file is in the cache: the folder is its hash, so another version never takes its place."""
        return cache / "jars" / self.sha256 / self.filename

    def unpacked(self, cache: Path) -> Path:
        """Where a `tar.gz` is unpacked to; the archive itself is not kept."""
        return cache / "servers" / f"{self.name}-{self.version}-{self.sha256[:8]}"

    def present(self, cache: Path) -> bool:
        """Whether the file, or what was in it, is in the cache."""
        return (self.unpacked(cache) if self.packaging == "tar.gz" else self.path(cache)).exists()


def read_lock(text: str | None = None) -> list[Artifact]:
    """The artifacts of `stack.lock`, or of a lock's `text`, in the order of the class path."""
    source = text if text is not None else files("winnow_cli.stack").joinpath("stack.lock").read_text()
    artifacts = []
    for line in source.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        server, coordinate, size_bytes, sha256 = line.split()
        group, name, version, classifier, packaging = coordinate.split(":")
        artifacts.append(Artifact(server, group, name, version, classifier, packaging, int(size_bytes), sha256))
    return artifacts


def missing(artifacts: list[Artifact], cache: Path) -> list[Artifact]:
    """Those that still have to be fetched."""
    return [artifact for artifact in artifacts if not artifact.present(cache)]


def fetch(artifacts: list[Artifact], cache: Path, progress: Progress) -> None:
    """Bring every artifact into `cache`, several at a time, each verified before it gets its place.

    Raises `ArtifactRefused` for a file with another hash and `ArtifactUnavailable` when one cannot be had;
    what was verified until then stays. Safe to call from several processes at once.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "fetch.lock"):
        wanted = missing(artifacts, cache)
        partial = cache / "partial"
        shutil.rmtree(partial, ignore_errors=True)  # what an interrupted fetch left; nobody else holds the lock
        if not wanted:
            return
        partial.mkdir()
        stop = threading.Event()
        pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS)
        try:
            for done in as_completed([pool.submit(_bring, one, cache, partial, progress, stop) for one in wanted]):
                done.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(partial, ignore_errors=True)


class _Stopped(Exception):
    """Another download failed, or the user did not want to wait."""


def _bring(artifact: Artifact, cache: Path, partial: Path, progress: Progress, stop: threading.Event) -> None:
    downloaded = _download(artifact, partial, progress, stop)
    digest = hashlib.file_digest(downloaded.open("rb"), "sha256").hexdigest()
    if digest != artifact.sha256:
        raise ArtifactRefused(
            f"{artifact.coordinate}: SHA-256 is {digest}, stack.lock wants {artifact.sha256}. "
            "Nothing of it was kept. Look at who serves your Maven downloads, then try again."
        )
    target = artifact.path(cache)
    if artifact.packaging == "tar.gz":
        target = artifact.unpacked(cache)
        unpacked = Path(tempfile.mkdtemp(dir=partial))
        with tarfile.open(downloaded) as archive:
            # Python 3.11.0 to 3.11.3 have no filter, 3.12 and 3.13 warn without one. The hash was verified above.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(unpacked)  # noqa: S202
        downloaded = unpacked
    target.parent.mkdir(parents=True, exist_ok=True)
    downloaded.rename(target)


def _download(artifact: Artifact, partial: Path, progress: Progress, stop: threading.Event) -> Path:
    import requests
    from jgo.maven import MavenContext, PythonResolver

    arrived = 0

    @contextmanager
    def report(_filename: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        def update(count: int) -> None:
            nonlocal arrived
            if stop.is_set():
                raise _Stopped
            arrived += count
            progress(artifact, count)

        yield update

    reason: Exception | None = None
    for _attempt in range(ATTEMPTS):
        # A folder of its own for each attempt: jgo leaves half a file where a download breaks off.
        context = MavenContext(
            resolver=PythonResolver(progress_callback=report),
            repo_cache=Path(tempfile.mkdtemp(dir=partial)),
            timeout=CONNECT_AND_READ_TIMEOUT_S,
        )
        component = context.project(artifact.group, artifact.name).at_version(artifact.version)
        try:
            return Path(component.artifact(artifact.classifier, artifact.packaging).resolve())
        except (requests.RequestException, RuntimeError) as error:
            reason = error
            progress(artifact, -arrived)
            arrived = 0
    raise ArtifactUnavailable(
        f"{artifact.coordinate} could not be downloaded in {ATTEMPTS} attempts: {reason}. "
        "What was fetched before is kept; run the command again when the Maven repository can be reached."
    )

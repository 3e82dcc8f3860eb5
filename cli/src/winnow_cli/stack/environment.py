"""What the services of a run find in their environment."""

from __future__ import annotations

import hashlib
import platform
from importlib.util import find_spec
from pathlib import Path

from winnow_cli.stack.home import RunFolder
from winnow_cli.stack.servers import postgres, registry

BUCKET = "winnow"

# Below x86-64-v3: nothing here lets a compiler fuse multiply and add, so a machine with more computes the same.
_X86_FEATURES = {
    "ssse3": "ssse3",
    "sse4_1": "sse4.1",
    "sse4_2": "sse4.2",
    "popcnt": "popcnt",
    "avx": "avx",
    "avx2": "avx2",
}


def service_environment(run: RunFolder, ports: dict[str, int], cache: Path) -> dict[str, str]:
    """The `WINNOW_…` variables of a run, and the fixed compile target of numba."""
    return {
        "WINNOW_PROFILE": "local",
        "WINNOW_KAFKA_BOOTSTRAP": f"127.0.0.1:{ports['kafka']}",
        "WINNOW_REGISTRY_URL": registry.url(ports),
        "WINNOW_S3_ENDPOINT": f"http://127.0.0.1:{ports['objects']}",
        "WINNOW_S3_BUCKET": BUCKET,
        "WINNOW_POSTGRES_HOST": "127.0.0.1",
        "WINNOW_POSTGRES_PORT": str(ports["postgres"]),
        "WINNOW_POSTGRES_USER": postgres.USER,
        "WINNOW_POSTGRES_DATABASE": postgres.DATABASE,
        "WINNOW_SECRETS_DIR": str(run.secrets),
        "NUMBA_CACHE_DIR": str(compiled_code(cache, _selector_sources())),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": cpu_features(),
        "OPENCV_IO_MAX_IMAGE_PIXELS": "200000000",
    }


def compiled_code(cache: Path, sources: Path) -> Path:
    """The folder for what numba compiles of these sources.

    One for each state of them: numba looks for changes in a function's own file only, and would go on with what it
    compiled of functions that this one calls in others.
    """
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(sources.rglob("*.py")):
        digest.update(source.read_bytes())
    return cache / "numba" / digest.hexdigest()


def _selector_sources() -> Path:
    spec = find_spec("selector")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The stated feature list in LLVM's notation where this machine has all of it, else none beyond `generic`."""
    if platform.machine() != "x86_64" or not cpuinfo.exists():
        return ""
    flags = next((line.split() for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), [])
    if not set(_X86_FEATURES) <= set(flags):
        return ""
    return ",".join(f"+{name}" for name in _X86_FEATURES.values())

"""Ingest's spool: what waits on disk for the broker."""

from __future__ import annotations

import time
from pathlib import Path

from ingest.adapters.spool import ASIDE
from ingest.adapters.spool_file import NAME
from winnow_cli.doctor.finding import Answer, not_looked_at, ok, warning, wrong

MIB = 1 << 20
NEARLY_FULL = 0.9
WAITS_TOO_LONG_S = 60.0
"""With a broker that answers, the spool is empty within seconds."""


def spool(folder: Path | None, max_bytes: int, *, ingest_runs: bool, broker_answers: bool) -> Answer:
    """Bytes and age of what waits, and what was put aside because the broker will never take it.

    Read from the folder alone, which an ingest of any machine that shares it has to itself.
    """
    if folder is None or not folder.is_dir():
        return not_looked_at("ingest has kept none here" if folder is None else f"{folder} is not there yet")
    waiting, oldest_s = _size(folder)
    aside, _ = _size(folder / ASIDE)
    share = (waiting + aside) / max_bytes
    what = f"{waiting / MIB:.1f} of {max_bytes / MIB:.0f} MiB wait" + (
        f", for up to {oldest_s:.0f} s" if waiting else ""
    )
    if share >= NEARLY_FULL:
        return wrong(
            f"{what}, {aside / MIB:.1f} MiB are aside: nearly full, uploads are refused then",
            f"bring the broker back, raise WINNOW_INGEST_SPOOL_MAX_BYTES, or empty {folder / ASIDE}",
        )
    if aside:
        return warning(
            f"{what}; {aside / MIB:.1f} MiB are aside: frames that the broker will never take, or damaged files",
            f"look at {folder / ASIDE} (Avro files), then remove what is in it",
        )
    if waiting and not ingest_runs:
        return warning(f"{what}, and no ingest runs here to send them", "winnow up")
    if waiting and broker_answers and oldest_s > WAITS_TOO_LONG_S:
        return wrong(f"{what}, though the broker answers", "winnow logs ingest -n 30")
    return ok(what)


def _size(folder: Path) -> tuple[int, float]:
    """Bytes of whole files, and the age of the oldest in seconds. A file may go while this looks."""
    size_bytes, oldest = 0, time.time()
    for file in folder.glob(f"*{NAME}"):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        size_bytes += stat.st_size
        oldest = min(oldest, stat.st_mtime)
    return size_bytes, max(0.0, time.time() - oldest)

"""All partitions of a running home, each by itself, in as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ledger.adapters.topics import Topics
from ledger.settings import ReaderSettings
from winnow.errors import Refused
from winnow_cli.replay.comparison import CameraComparison, Comparison
from winnow_cli.replay.history import History, Records
from winnow_cli.replay.partition import Walk, walk
from winnow_cli.replay.recording import CLIENT_ID, Index, Recording, read_index, read_records
from winnow_cli.replay.whatif import Pair, WhatIf


@dataclass(frozen=True, slots=True)
class Job:
    """A partition, and what is asked of it: the comparison, or with `fields` what another policy would have kept."""

    settings: ReaderSettings
    index: Index
    records: Records
    partition: int
    camera_id: str | None
    fields: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a partition: by camera the comparison, or with another policy what became of its frames.

    `as_recorded` counts verdicts on records without a readable frame, by reason: there is nothing to decide.
    """

    walk: Walk
    as_recorded: Counter[str] = field(default_factory=Counter)
    compared: dict[str, CameraComparison] = field(default_factory=dict)
    pairs: dict[str, Counter[Pair]] = field(default_factory=dict)


def run(
    settings: ReaderSettings, *, camera_id: str | None = None, fields: Mapping[str, Any] | None = None
) -> Iterator[Done]:
    """Each partition as it is done. Raises `DependencyDown`, `Refused`."""
    index, records = read_index(settings), read_records(settings)
    partitions = Topics(settings, client_id=CLIENT_ID).partitions(settings.names.frames)
    jobs = [Job(settings, index, records, partition, camera_id, fields) for partition in partitions]
    processes = min(len(jobs), len(os.sched_getaffinity(0)))
    # Not forked: this process has threads of the broker's client.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(one, job) for job in jobs]):
            yield done.result()


def one(job: Job) -> Done:
    """One partition, from nothing at its recorded start to where its verdicts end."""
    history = History(job.records)
    recording = Recording(job.settings, job.index, job.partition)
    try:
        snapshot = recording.snapshot()
    except Refused as error:
        return Done(Walk(job.partition, None, 0, None, stopped=str(error)))
    if snapshot.start is None and next(recording.rows(), None) is None:
        return Done(Walk(job.partition, None, 0, None))  # nothing ever came here
    pending = recording.first_pending
    gone = partial(walk, snapshot, recording.rows(), recording.unexplained, first_pending=pending)
    if job.fields is None:
        same = Comparison(history, job.camera_id)
        return Done(gone(same), same.as_recorded, compared=same.cameras)
    other = WhatIf(history, job.fields, job.camera_id)
    return Done(gone(other), other.as_recorded, pairs=other.cameras)

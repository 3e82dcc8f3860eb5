"""The control frames of the ledger, and what labels of them say of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ledger.adapters.books import read_books
from ledger.adapters.topics import Topics
from ledger.adapters.view import LedgerView
from ledger.settings import ReaderSettings
from selector.domain.estimators import ControlFrame, Estimate, MissRates, control_rate, inclusion, miss_rates
from winnow.clock import to_ms
from winnow.codec import Codec
from winnow.db import Database
from winnow.errors import Refused
from winnow_cli.control.labels import Labels
from winnow_cli.replay.recording import read_records

CONTROL = """
SELECT camera_id, frame_id, event_time, policy_version, rules, signals FROM verdicts
WHERE source_topic = ? AND list_contains(flags, 'control') ORDER BY camera_id, event_time, source_offset"""

JUDGED = """
SELECT camera_id, policy_version, count(*) AS frames FROM verdicts
WHERE source_topic = ? AND outcome IN ('kept', 'rejected') GROUP BY ALL"""

Row = Mapping[str, Any]


@dataclass(slots=True)
class Sample:
    """A camera's frames under one `control_every_s`: `judged` of them, `control` kept by chance.

    `said` counts what the rules said of the control frames. `first` were the camera's first frame, which has no chance
    to be drawn. `labelled` are the others with a label, and `rates` what they say; None where there is none.
    """

    camera_id: str
    control_every_s: float
    judged: int = 0
    control: int = 0
    first: int = 0
    said: Counter[str] = field(default_factory=Counter)
    labelled: list[ControlFrame] = field(default_factory=list)

    @property
    def rate(self) -> Estimate:
        """The share of the judged frames that control kept."""
        return control_rate(self.control, self.judged)

    @property
    def rates(self) -> MissRates | None:
        return miss_rates(self.labelled)[self.camera_id] if self.labelled else None


def read_samples(settings: ReaderSettings, labels: Labels) -> tuple[list[Sample], int]:
    """Every camera's, from all recorded verdicts, and how many labels are of no control frame.

    Raises `DependencyDown`, `Refused`.
    """
    names = settings.names
    topics = Topics(settings, client_id="winnow-control")
    with closing(Database(settings)) as database:
        books = read_books(names, topics, Codec(settings.registry_url), database)
    with LedgerView(settings, books.files, books.tail) as view:
        if view.unreadable:
            raise Refused(f"{view.unreadable[0]} of the ledger cannot be read; `winnow balance` names all there are")
        control, judged = (view.query(sql, [names.frames]) for sql in (CONTROL, JUDGED))
    every_s = {at: policy.control_every_s for at, _, policy in read_records(settings).policies if policy is not None}
    return samples(control, judged, every_s, labels)


def samples(
    control: Iterable[Row], judged: Iterable[Row], every_s: Mapping[int, float], labels: Labels
) -> tuple[list[Sample], int]:
    """Of the rows of both queries, by camera and `control_every_s`, which is known by policy version.

    Raises `Refused` for a version that is not, and for a label without a camera whose frame id two cameras have.
    """
    found: dict[tuple[str, float], Sample] = {}

    def of(row: Row) -> Sample:
        if row["policy_version"] not in every_s:
            raise Refused(f"the policies topic does not have version {row['policy_version']}, which verdicts name")
        key = (row["camera_id"], every_s[row["policy_version"]])
        return found.setdefault(key, Sample(*key))

    for row in judged:
        of(row).judged += row["frames"]
    used: dict[tuple[str | None, str], str] = {}
    for row in control:
        sample = of(row)
        sample.control += 1
        sample.said[row["rules"]["reason"]] += 1
        weight_s = row["signals"]["control_weight_s"]
        if weight_s <= 0:
            sample.first += 1
        for key in ((row["camera_id"], row["frame_id"]), (None, row["frame_id"])):
            if key not in labels:
                continue
            if used.setdefault(key, row["camera_id"]) != row["camera_id"]:
                raise Refused(f"cameras {used[key]} and {row['camera_id']} both have a frame {key[1]}: name the camera")
            if weight_s > 0:
                sample.labelled.append(_control_frame(row, weight_s, sample.control_every_s, labels[key]))
            break
    return [found[key] for key in sorted(found)], len(labels) - len(used)


def _control_frame(row: Row, weight_s: float, every_s: float, relevant: bool) -> ControlFrame:
    return ControlFrame(
        row["camera_id"],
        row["rules"]["outcome"] == "kept",
        row["rules"]["reason"],
        inclusion(to_ms(row["event_time"]), weight_s, every_s),
        relevant,
    )

"""All checks of one camera, and of all cameras of a topic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from winnow.events import Camera
from winnow_cli.producers.domain import delivery
from winnow_cli.producers.domain.clock import ClockCheck
from winnow_cli.producers.domain.contract import ContractCheck
from winnow_cli.producers.domain.finding import Finding, Flow, Level, Tally
from winnow_cli.producers.domain.ids import IdCheck
from winnow_cli.producers.domain.order import OrderCheck
from winnow_cli.producers.domain.partition import PartitionCheck
from winnow_cli.producers.domain.picture import PictureCheck
from winnow_cli.producers.domain.rate import SILENT_AFTER, RateCheck
from winnow_cli.producers.domain.record import SentRecord
from winnow_cli.producers.domain.two_cameras import TwoCamerasCheck

MOST_CAMERAS = 1000
"""Cameras looked at, the first that come: about 100 kB each."""

SHOWN_BY_TWO = ("sequence_back", "sequence_gap", "size_change")
"""What two devices under one id show as well: said once."""

SHOWN_BY_RESENT = ("sequence_back", "clock_back")
"""What frames that are sent again show as well, as often as they are."""

WORST_FIRST = (Level.ERROR, Level.WARNING, Level.NOTE)


@dataclass(frozen=True, slots=True)
class CameraReport:
    """A camera's findings, worst first. `per_s` is None where too little came to tell."""

    camera: str
    records: int
    bytes: int
    per_s: float | None
    partitions: list[int]
    findings: list[Finding]

    @property
    def level(self) -> Level | None:
        """The worst finding's; None where there is none."""
        return self.findings[0].level if self.findings else None


class CameraCheck:
    """Everything that is looked at in one camera's records."""

    def __init__(self, partitions: int, camera: Camera | None) -> None:
        self.flow = Flow()
        self.last = (0, 0)
        """Partition and offset of the last record."""
        self.batch: delivery.BatchHeader | None = None
        self._rate = RateCheck(camera.expected_interval_s if camera else None)
        self._partition = PartitionCheck(partitions, camera.partition if camera else None)
        self._picture = PictureCheck()
        self._two = TwoCamerasCheck()
        self._contract = ContractCheck()
        self._others = (IdCheck(), ClockCheck(), OrderCheck())

    def see(self, record: SentRecord) -> None:
        self.last = (record.partition, record.offset)
        for check in (self.flow, self._rate, self._partition, self._contract):
            check.see(record)
        # A frame under another's key is nobody's: what it says would be held against the wrong camera.
        judged = record if record.is_of_its_key else replace(record, frame=None, header=None)
        for of_frames in (self._picture, self._two, *self._others):
            of_frames.see(judged)

    def report(self, camera: str, until_s: float) -> CameraReport:
        """`until_s`: when the watch ended, by the broker's time, in seconds since 1970."""
        found = [
            *self._contract.findings(self.flow),
            *(finding for check in self._others for finding in check.findings(self.flow)),
            *self._picture.findings(self.flow),
            *self._partition.findings(self.flow),
            *self._rate.findings(self.flow, until_s),
        ]
        if two := self._two.findings(self.flow):
            found = [*two, *(finding for finding in found if finding.code not in SHOWN_BY_TWO)]
        resent = sum(finding.count for finding in found if finding.code == "redelivered")
        found = [one for one in found if one.code not in SHOWN_BY_RESENT or one.count > resent]
        if self.batch is not None:
            found += delivery.findings(self.batch, self.flow, is_jpeg=self._picture.is_jpeg)
        found.sort(key=lambda finding: WORST_FIRST.index(finding.level))
        return CameraReport(
            camera, self.flow.records, self.flow.bytes, self.flow.per_s, self._partition.used, found
        )  # fmt: skip


@dataclass
class CameraChecks:
    """A topic's cameras. `configured`: what cameras are set to, by id. Memory is bounded by `MOST_CAMERAS`."""

    partitions: int
    configured: dict[str, Camera] = field(default_factory=dict)
    only: str | None = None
    cameras: dict[str, CameraCheck] = field(default_factory=dict)
    not_looked_at: int = 0
    """Records of cameras beyond the bound."""
    _flow: Flow = field(default_factory=Flow)
    _create_time: Tally = field(default_factory=Tally)

    def see(self, record: SentRecord) -> None:
        name = record.camera
        if self.only not in (None, name):
            return
        self._flow.see(record)
        if not record.append_time:
            self._create_time.hit(record)
        check = self.cameras.get(name)
        if check is None:
            if len(self.cameras) >= MOST_CAMERAS:
                self.not_looked_at += 1
                return
            check = self.cameras[name] = CameraCheck(self.partitions, self.configured.get(name))
        check.see(record)

    @property
    def records(self) -> int:
        return self._flow.records

    @property
    def last_s(self) -> float:
        """The newest record's time, seconds since 1970."""
        return self._flow.last_s

    def topic_findings(self) -> list[Finding]:
        """What is wrong with the topic itself, whoever sends."""
        if not self._create_time.count:
            return []
        return [self._create_time.found(
            self._flow, "timestamp_type", Level.ERROR, what="record times are the producers', not the broker's",
            cost="lag, retention and every check of clocks and rates go by them", mend="`winnow topics apply`",
        )]  # fmt: skip

    def reports(self, until_s: float, watched_s: float) -> list[CameraReport]:
        """Worst first, then by name. `until_s`: the watch's end, seconds since 1970; `watched_s`: how long it was."""
        made = [check.report(name, until_s) for name, check in self.cameras.items()]
        made += [_silent(name) for name, camera in self.configured.items() if self._is_silent(name, camera, watched_s)]
        worst = len(WORST_FIRST)
        return sorted(made, key=lambda one: (WORST_FIRST.index(one.level) if one.level else worst, one.camera))

    def _is_silent(self, name: str, camera: Camera, watched_s: float) -> bool:
        expected_s = camera.expected_interval_s
        wanted = self.only in (None, name) and name not in self.cameras and not self.not_looked_at
        return wanted and expected_s is not None and SILENT_AFTER * expected_s < watched_s


def _silent(name: str) -> CameraReport:
    nothing = Tally().found(
        Flow(), "silence", Level.WARNING, what="set up, and nothing came",
        cost="what happened meanwhile is not in the data", mend="look at the camera and its link, or remove it",
    )  # fmt: skip
    return CameraReport(name, 0, 0, None, [], [nothing])

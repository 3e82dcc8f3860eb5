"""The records of the contract as values: one frozen dataclass for each `schemas/*.avsc`, field for field.

A contract test holds the two together. Times are aware UTC datetimes with millisecond precision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Outcome(Enum):
    UNKNOWN = "unknown"
    """Never written: what an older reader sees in place of a symbol that it does not know."""
    KEPT = "kept"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"
    REDELIVERED = "redelivered"


@dataclass(frozen=True, slots=True)
class ImageRef:
    bucket: str
    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Frame:
    frame_id: str | None
    camera_id: str
    captured_at: datetime
    sequence: int | None
    content_type: str
    image: bytes | ImageRef
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Camera:
    camera_id: str
    changed_at: datetime
    name: str = ""
    group: str | None = None
    time_zone: str = "UTC"
    expected_interval_s: float | None = None
    masks: tuple[tuple[float, ...], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    kept_per_hour: float
    burst: float
    changed_at: datetime
    heartbeat_share: float = 0.3
    control_every_s: float = 1800.0
    split_block_s: float = 86400.0
    sampling_key: bytes | None = None
    overload: bool = False
    overload_after_s: float = 60.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Nearest:
    frame_id: str
    distance: float


@dataclass(frozen=True, slots=True)
class Verdict:
    camera_id: str | None
    frame_id: str | None
    source: Source
    broker_time: datetime
    captured_at: datetime | None
    event_time: datetime
    outcome: Outcome
    reason: str
    decided_at: datetime
    detail: str = ""
    flags: tuple[str, ...] = ()
    rules: RuleOutcome | None = None
    block: str | None = None
    signals: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    nearest: Nearest | None = None
    policy_version: int = -1
    camera_version: int = -1
    policies_version: int = -1
    effort: str = "full"
    signature: bytes | None = None
    signature_version: int = 0
    content_hash: str | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SelectedFrame:
    camera_id: str
    frame_id: str
    source: Source
    captured_at: datetime
    event_time: datetime
    content_type: str
    image: bytes | ImageRef
    width: int
    height: int
    reason: str
    block: str
    policy_version: int
    flags: tuple[str, ...] = ()
    signature: bytes | None = None
    signature_version: int = 0


@dataclass(frozen=True, slots=True)
class KeptFrame:
    camera_id: str
    frame_id: str
    source: Source
    event_time: datetime
    block: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredImage:
    image_id: str
    bucket: str
    key: str
    size_bytes: int
    width: int
    height: int
    content_type: str
    frames: tuple[KeptFrame, ...]
    block: str
    stored_at: datetime
    signature: bytes | None = None
    signature_version: int = 0


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    values: tuple[float, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Autopilot:
    bar: float
    level: float
    unfollowed: bool


@dataclass(frozen=True, slots=True)
class QualityScalars:
    frames: int
    cells: bytes
    usual_changed: float
    repeats: int
    repeats_event_ms: int
    repeats_broker_ms: int
    suspect: int
    since_usual: int
    strange_ms: int | None = None
    rejected_ms: int | None = None
    moved: int = 0
    moved_down: int = 0
    moved_right: int = 0
    since_known: int = 3


@dataclass(frozen=True, slots=True)
class CameraScalars:
    frames: int
    last_event_ms: int | None
    last_kept_ms: int | None
    tokens: float
    tokens_at_ms: int | None
    ring_count: int
    seen_count: int
    noise: NoiseFloor
    reserve: float = 0.0
    autopilot: Autopilot | None = None
    sizes: tuple[int, ...] = ()
    quality: QualityScalars | None = None


@dataclass(frozen=True, slots=True)
class RingEntry:
    slot: int
    frame_id: str
    event_ms: int
    signature: bytes
    signature_version: int


@dataclass(frozen=True, slots=True)
class SeenIds:
    chunk: int
    frame_ids: tuple[str | bytes, ...]
    content_hashes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DetailReference:
    mode: str
    steps: int = 0
    began_ms: int = 0
    stepped_ms: int = 0
    width: int = 0
    height: int = 0
    tables: bytes = b""
    ac_steps: int = 0
    luma: int = 0
    saturated: int = 0
    focus: float = 0.0
    visibility: float = 0.0
    grids: bytes = b""


@dataclass(frozen=True, slots=True)
class Cursor:
    next_offset: int


@dataclass(frozen=True, slots=True)
class Start:
    offset: int


@dataclass(frozen=True, slots=True)
class Expired:
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SelectorState:
    """One change of the selector's state; exactly one part is set. `key` is its key in the state topic."""

    camera_id: str | None = None
    scalars: CameraScalars | None = None
    ring: RingEntry | None = None
    seen: SeenIds | None = None
    cursor: Cursor | None = None
    start: Start | None = None
    expired: Expired | None = None
    detail: DetailReference | None = None

    @property
    def key(self) -> str:
        if self.cursor is not None:
            return "cursor"
        if self.start is not None:
            return "start"
        if self.expired is not None:
            return f"expired|{self.expired.first}"
        if self.scalars is not None:
            return f"{self.camera_id}|scalars"
        if self.ring is not None:
            return f"{self.camera_id}|ring|{self.ring.slot}"
        if self.seen is not None:
            return f"{self.camera_id}|ids|{self.seen.chunk}"
        if self.detail is not None:
            return f"{self.camera_id}|detail|{self.detail.mode}"
        raise ValueError("a state record without a part")

"""What is to be ingested: one camera and where its frames come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Self
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ingest.domain.address import USB, has_host, live_scheme, shown
from winnow.errors import PoisonRecord, Refused
from winnow.identity import check_camera_id

SCENE = "scene:"
S3 = "s3://"
TOPIC = "topic:"
VIDEO_TIMEOUT_S = 60.0
"""A video without a frame for so long is given up: on two busy cores a good one of 8K took 5 s from start to end."""

KINDS = ("rtsp://", "rtsps://", "http://", "https://", "usb:", S3, TOPIC, SCENE)
SCENE_PARAMETERS = {
    "seed": "1", "fps": "5", "minutes": "1", "view": "0", "width": "1280", "height": "720", "visits_per_minute": "1",
    "episodes": "", "truth": "",
}  # fmt: skip


class Source(BaseModel):
    """One entry of `WINNOW_INGEST_SOURCES`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        repr=False,
        description="A video, a picture, a folder of pictures, s3://BUCKET/PREFIX, topic:NAME, scene:KIND?…, or a live "
        "camera: rtsp://…, http://…, usb:/dev/video0.",
    )
    camera: str = Field("", validate_default=True, description="Its id; none for a topic, whose keys are cameras' ids.")
    pace: Literal["fast", "live"] = "fast"
    start: datetime | None = None
    interval_s: float = Field(default=1.0, gt=0)
    minutes: float | None = Field(default=None, gt=0, description="Of a video, at most so much of its beginning.")
    watch: bool = Field(default=False, description="Of a folder or an S3 prefix: follow it, and take what is new.")

    transport: Literal["tcp", "udp"] = Field(default="tcp", description="Of RTSP: how frames come.")
    fps: float | None = Field(default=None, gt=0, description="Of a live camera, at most so many frames a second.")
    timeout_s: float = Field(default=10.0, gt=0, description="A live camera without frames for so long is reconnected.")

    @field_validator("source")
    @classmethod
    def _source(cls, source: str) -> str:
        if not source:
            raise PydanticCustomError("source", "it is empty; name a file, a folder or an address")
        if source == TOPIC:
            raise PydanticCustomError("topic", "topic: names no topic")
        if "://" in source and not source.lower().startswith(KINDS):
            kinds = ", ".join(KINDS)
            raise PydanticCustomError("kind", "no such kind of source; there are {kinds} and files", {"kinds": kinds})
        return source

    @field_validator("camera")
    @classmethod
    def _camera(cls, camera: str, info: ValidationInfo) -> str:
        if str(info.data.get("source", "")).startswith(TOPIC):
            if camera:
                raise PydanticCustomError("camera_id", "a topic has none: the key of each record is its camera's id")
            return camera
        try:
            check_camera_id(camera)
        except PoisonRecord as error:
            raise PydanticCustomError("camera_id", "{why}", {"why": str(error)}) from None
        return camera

    @field_validator("start")
    @classmethod
    def _start(cls, start: datetime | None) -> datetime | None:
        return start.replace(tzinfo=UTC) if start is not None and start.tzinfo is None else start

    @field_validator("minutes")
    @classmethod
    def _minutes(cls, minutes: float | None, info: ValidationInfo) -> float | None:
        if minutes is not None and str(info.data.get("source", "")).startswith(SCENE):
            raise PydanticCustomError("minutes", "a scene has its minutes in its own parameters")
        return minutes

    @field_validator("watch")
    @classmethod
    def _watch(cls, watch: bool, info: ValidationInfo) -> bool:
        if watch and (info.data.get("start") or info.data.get("minutes") or info.data.get("pace") == "live"):
            raise PydanticCustomError("watch", "what is followed has its own times, and no start, minutes or live pace")
        return watch

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        wrong = [
            name
            for name in (("start", "minutes") if self.stream else ("transport", "fps", "timeout_s"))
            if getattr(self, name) != type(self).model_fields[name].default
        ]
        if wrong and self.stream:
            raise PydanticCustomError("live", "a live camera has no {name}", {"name": wrong[0]})
        if wrong:
            raise PydanticCustomError(
                "not_live", "{name} is for live cameras alone: rtsp://, http://, usb:", {"name": wrong[0]}
            )
        if self.stream and live_scheme(self.source) != USB and not has_host(self.source):
            raise PydanticCustomError("host", "{name}: no host, or a port that is none", {"name": self.name})
        return self

    @property
    def live(self) -> bool:
        return self.pace == "live"

    @property
    def stream(self) -> bool:
        """A live camera: it never ends by itself, and what it gave cannot be read again."""
        return live_scheme(self.source) is not None

    @property
    def name(self) -> str:
        """The source as it may stand in logs and messages: without a URL's password."""
        return shown(self.source)


def scene_arguments(source: str) -> tuple[list[str], str]:
    """`scene:KIND?NAME=VALUE&…` -> arguments of the scene's player, and the text that its frames' ids stand for.

    That text leaves out where the truth goes: it changes no pixel. Raises `Refused` for what there is not.
    """
    kind, _, query = source.removeprefix(SCENE).partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(given) - set(SCENE_PARAMETERS))
    if unknown:
        raise Refused(f"{source}: no parameter {unknown[0]!r}; there are {', '.join(sorted(SCENE_PARAMETERS))}")
    values = {**SCENE_PARAMETERS, **given}
    try:
        frames = round(float(values.pop("minutes")) * 60 * float(values["fps"]))
    except ValueError:
        raise Refused(f"{source}: minutes and fps are numbers") from None
    if frames < 1:
        raise Refused(f"{source}: not one frame")
    truth = values.pop("truth")
    arguments = [kind, "--frames", str(frames)]
    for name, value in values.items():
        arguments += [f"--{name.replace('_', '-')}", value]
    # The length is left out: a longer run of the same scene begins with the same frames.
    identity = f"{SCENE}{kind}?" + "&".join(f"{name}={value}" for name, value in sorted(values.items()))
    return (arguments + (["--truth", truth] if truth else [])), identity

"""What the upload API answers, as its OpenAPI shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from ingest.adapters.outbox import Kept, NotTaken


class TakenFrame(BaseModel):
    """A file that is now a frame."""

    name: str | None = Field(description="The file's name; null for an image that is the whole body.")
    frame_id: str = Field(description="The same whenever the camera sends the same file, unless it was given.")
    captured_at: datetime = Field(description="As given, else by EXIF, else when it came; UTC.")
    status: Kept = Field(
        description="published: the broker has it. spooled: on disk, and sent when the broker is back."
    )


class Taken(BaseModel):
    """All files of a request, in their order."""

    frames: list[TakenFrame]


class RefusedFile(BaseModel):
    name: str | None
    reason: str = Field(description="One word for programs.")
    detail: str = Field(description="A sentence for people.")


class Problem(BaseModel):
    """Why a request was not taken, or not all of it."""

    reason: str = Field(description="One word for programs.")
    detail: str = Field(description="A sentence for people.")
    files: list[RefusedFile] = Field(default=[], description="Of many files those that were not taken, each with why.")
    taken: list[TakenFrame] = Field(
        default=[],
        description="Of many files those that are frames all the same: broker or disk failed after them (503).",
    )


class Rejection(Exception):
    """A request is answered with a `Problem`."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        files: list[RefusedFile] | None = None,
        taken: list[TakenFrame] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = Problem(reason=reason, detail=detail, files=files or [], taken=taken or [])

    @property
    def headers(self) -> dict[str, str]:
        if self.status == 401:
            return {"WWW-Authenticate": "Bearer"}
        return {"Retry-After": str(RETRY_AFTER_S)} if self.status == 503 else {}


def reason_of(error: Exception) -> str:
    """Why a frame or body could not be kept, in one word."""
    return "broker" if isinstance(error, NotTaken) else "no_room"


RETRY_AFTER_S = 5

_FRAME = {
    "name": None,
    "frame_id": "5f0c2b1e-8f0e-5c39-9d7d-6d8f3f0a4a11",
    "captured_at": "2026-05-01T08:00:00.250Z",
    "status": "published",
}
_FULL = "the spool cannot be written: No space left on device"


def _taken(description: str, **examples: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {name: {"value": {"frames": frames}} for name, frames in examples.items()}
    return {"model": Taken, "description": description, "content": {"application/json": {"examples": shown}}}


def _problem(description: str, *problems: tuple[str, str], partly: Any = None, **more: Any) -> dict[str, Any]:
    values = [{"reason": reason, "detail": detail, "files": [], "taken": []} for reason, detail in problems]
    shown = {value["reason"]: {"value": value} for value in [*values, *([partly] if partly else [])]}
    return {"model": Problem, "description": description, "content": {"application/json": {"examples": shown}}, **more}


RESPONSES: dict[int | str, dict[str, Any]] = {
    201: _taken(
        "The broker has every frame.",
        image=[_FRAME],
        several=[{**_FRAME, "name": "0001.jpg"}, {**_FRAME, "name": "0002.jpg", "captured_at": "2026-05-01T08:00:01Z"}],
    ),
    202: _taken(
        "Every frame is safe; at least one is on disk until the broker is back.",
        image=[{**_FRAME, "status": "spooled"}],
    ),
    401: _problem(
        "No key, or one that is not known.",
        ("no_key", "send the camera's key: `Authorization: Bearer KEY`. `winnow upload-key CAMERA` makes one"),
        headers={"WWW-Authenticate": {"schema": {"type": "string"}}},
    ),
    403: _problem("The key of another camera.", ("other_camera", "the key is not one of camera yard-1")),
    408: _problem(
        "The request did not come within its time; nothing of it was taken.",
        ("too_slow", "no byte came for 10 s; nothing was taken"),
    ),
    413: _problem(
        "Larger than what is taken.", ("too_large", "more than 33,554,432 bytes; nothing was taken")
    ),
    415: _problem(
        "Not a picture, or not a way to send one.",
        ("media_type", "Content-Type text/plain; send image/jpeg, image/png or image/webp"),
        ("not_an_image", "not a JPEG, PNG or WebP (first bytes 47 49 46 38)"),
    ),
    422: _problem(
        "A picture, a parameter or an archive that is wrong; nothing was taken, and the same request will not be.",
        ("damaged", "a damaged PNG: image file is truncated"),
        ("parameter", "sequence: Input should be greater than or equal to 0"),
    ),
    503: _problem(
        "Not now. Where broker or disk failed in the middle of many files, `taken` names those that are frames; "
        "nothing else was acknowledged. Send the same request again: the same file stays the same frame, judged once.",
        ("no_room", "the spool has 1,073,700,000 of 1,073,741,824 bytes taken, no room for 250,000"),
        ("busy", "too many uploads at once; nothing was taken"),
        partly={
            "reason": "partly_taken",
            "detail": f"1 of 2 files were not taken: {_FULL}; send all again",
            "files": [{"name": "0002.jpg", "reason": "no_room", "detail": _FULL}],
            "taken": [{**_FRAME, "name": "0001.jpg"}],
        },
        headers={"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    ),
}  # fmt: skip

_PICTURE = {"schema": {"type": "string", "format": "binary"}}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "One picture as it is, several as a form's files, or a zip of pictures.",
    "content": {
        "image/jpeg": _PICTURE,
        "image/png": _PICTURE,
        "image/webp": _PICTURE,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                "required": ["files"],
            }
        },
        "application/zip": _PICTURE,
    },
}

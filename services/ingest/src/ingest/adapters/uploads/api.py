"""The upload API: who may, how much, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from ingest.adapters.outbox import Kept, NotTaken
from ingest.adapters.spool import NoRoom
from ingest.adapters.uploads.answers import REQUEST_BODY, RESPONSES, Problem, Rejection, Taken
from ingest.adapters.uploads.body import DISK_BYTES, MEMORY_BYTES, Share, chunks, declared_bytes
from ingest.adapters.uploads.files import Given
from ingest.adapters.uploads.keys import Keys
from ingest.adapters.uploads.taking import Intake
from ingest.domain.picture import INLINE_LIMIT_BYTES, LARGEST_BYTES
from ingest.domain.upload import IMAGE_TYPES, LARGEST_REQUEST_BYTES, MULTIPART, ZIP
from winnow import metrics
from winnow.errors import PoisonRecord
from winnow.identity import MAX_FRAME_ID_BYTES, check_camera_id, check_frame_id

TYPES = (*IMAGE_TYPES, MULTIPART, ZIP)
MOST_SEQUENCE = 2**63 - 1
PARAMETERS = {"captured_at", "frame_id", "sequence"}
BEARER = HTTPBearer(auto_error=False, description="The camera's key, which `winnow upload-key CAMERA` makes.")

_DESCRIPTION = """
Pictures of cameras, one or many in a request. A request is taken whole or not at all; what was answered with 201 or 202
is not lost. Sent again, the same file is the same frame: after a 503, a 408 or a broken connection send it again.
"""


@dataclass(frozen=True)
class Limits:
    """Of time, for a client that is slow."""

    read_timeout_s: float
    timeout_s: float


def build_api(intake: Intake, keys: Keys, limits: Limits) -> FastAPI:
    """The application; `docs` pages are left out, since they load their scripts from elsewhere."""
    api = FastAPI(title="Winnow uploads", version="1", description=_DESCRIPTION, docs_url=None, redoc_url=None)
    api.add_exception_handler(Rejection, _rejected)  # type: ignore[arg-type]
    api.add_exception_handler(RequestValidationError, _wrong_parameter)  # type: ignore[arg-type]
    api.add_exception_handler(HTTPException, _no_such)  # type: ignore[arg-type]
    for not_now in (NoRoom, NotTaken, OSError):
        api.add_exception_handler(not_now, _not_now)
    api.add_exception_handler(Exception, _unexpected)
    memory, disk = Share(MEMORY_BYTES), Share(DISK_BYTES)

    async def authorised(
        camera_id: Annotated[str, Path()],
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> None:
        if sent is None:
            raise Rejection(
                401,
                "no_key",
                "send the camera's key: `Authorization: Bearer KEY`. `winnow upload-key CAMERA` makes one",
            )
        if not keys.allows(sent.credentials, camera_id):
            if keys.knows(sent.credentials):
                raise Rejection(403, "other_camera", f"the key is not one of camera {camera_id}")
            raise Rejection(401, "unknown_key", "the key is not known. `winnow upload-key CAMERA` makes one")

    @api.post(
        "/v1/cameras/{camera_id:path}/frames",
        status_code=201,
        response_model=None,
        responses=RESPONSES,
        openapi_extra={"requestBody": REQUEST_BODY},
        dependencies=[Depends(authorised)],
        summary="Send pictures of a camera",
    )
    async def send_frames(
        request: Request,
        camera_id: Annotated[str, Path(description="The camera's id.", min_length=1)],
        captured_at: Annotated[
            datetime | None, Query(description="When the one image was taken, ISO 8601; UTC without a zone.")
        ] = None,
        frame_id: Annotated[
            str | None,
            Query(description="The one image's id within its camera.", min_length=1, max_length=MAX_FRAME_ID_BYTES),
        ] = None,
        sequence: Annotated[
            int | None, Query(description="The camera's own running number.", ge=0, le=MOST_SEQUENCE)
        ] = None,
    ) -> Response:
        """Sends one picture (the body), several (a form's files) or a zip of them.

        201: the broker has all. 202: all are safe, some of them on disk until the broker is back. Everything else:
        nothing was acknowledged. captured_at, frame_id and sequence are for one picture alone.
        """
        unknown = sorted(set(request.query_params) - PARAMETERS)
        if unknown:  # a misspelt time would be a time lost
            raise Rejection(422, "parameter", f"no parameter {unknown[0]!r}; there are {', '.join(sorted(PARAMETERS))}")
        given = Given(_utc(captured_at), frame_id, sequence)
        _check_ids(camera_id, frame_id)
        content_type = request.headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in TYPES:
            raise Rejection(415, "media_type", f"Content-Type {kind or 'missing'}; send {', '.join(TYPES)}")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Rejection(415, "content_encoding", "the body is compressed; send it as it is")
        most_bytes = LARGEST_BYTES if kind in IMAGE_TYPES else LARGEST_REQUEST_BYTES
        declared = declared_bytes(request, most_bytes)
        body = chunks(request, most_bytes, limits.read_timeout_s, limits.timeout_s)
        if kind in IMAGE_TYPES and declared <= INLINE_LIMIT_BYTES:
            async with memory.hold(declared):
                file = b"".join([chunk async for chunk in body])
                return _answer(await intake.small(camera_id, file, given))
        if kind not in IMAGE_TYPES and given != Given():
            raise Rejection(422, "parameter", "captured_at, frame_id and sequence are for one image alone")
        # A body that takes its time to come does so on disk, and keeps no memory from others.
        async with disk.hold(declared), intake.received(body) as received, memory.hold(LARGEST_BYTES):
            if kind == MULTIPART:
                return _answer(await intake.form(camera_id, content_type, received))
            if kind == ZIP:
                return _answer(await intake.zip(camera_id, received))
            return _answer(await intake.large(camera_id, received, given))

    return api


def _check_ids(camera_id: str, frame_id: str | None) -> None:
    try:
        check_camera_id(camera_id)
        check_frame_id(frame_id or "")
    except PoisonRecord as error:
        raise Rejection(422, "parameter", str(error)) from None


def _utc(time: datetime | None) -> datetime | None:
    try:
        return time if time is None else time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        raise Rejection(422, "parameter", "captured_at is outside the years 1 to 9999") from None


def _answer(taken: Taken) -> Response:
    spooled = any(frame.status is Kept.SPOOLED for frame in taken.frames)
    return _json(202 if spooled else 201, taken.model_dump_json())


def _json(status: int, body: str, headers: dict[str, str] | None = None) -> Response:
    metrics.uploads.labels(status).inc()
    return Response(body, status, headers, media_type="application/json")


async def _rejected(_: Request, error: Rejection) -> Response:
    return _json(error.status, error.problem.model_dump_json(), error.headers)


async def _wrong_parameter(request: Request, error: RequestValidationError) -> Response:
    said = "; ".join(f"{' '.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return await _rejected(request, Rejection(422, "parameter", said))


async def _no_such(_: Request, error: HTTPException) -> Response:
    reason = {404: "no_such_path", 405: "method"}.get(error.status_code, "request")
    body = Problem(reason=reason, detail=f"{error.detail}; /openapi.json has what there is").model_dump_json()
    return _json(error.status_code, body, dict(error.headers or {}))


async def _not_now(request: Request, error: Exception) -> Response:
    reason = "broker" if isinstance(error, NotTaken) else "no_room"
    why = error.strerror or error if isinstance(error, OSError) else error
    return await _rejected(request, Rejection(503, reason, f"{why}; nothing was acknowledged, send it again"))


async def _unexpected(_: Request, __: Exception) -> Response:
    body = Problem(reason="internal", detail="an error of the service; its log has more. Nothing was acknowledged")
    return _json(500, body.model_dump_json())

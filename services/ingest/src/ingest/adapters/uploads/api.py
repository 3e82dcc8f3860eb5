"""The upload API: who may, how much, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ingest.adapters.outbox import Kept, NotTaken
from ingest.adapters.spool import NoRoom
from ingest.adapters.uploads.answers import REQUEST_BODY, RESPONSES, Problem, Rejection, Taken, reason_of
from ingest.adapters.uploads.body import DISK_BYTES, MEMORY_BYTES, Share, chunks, declared_bytes
from ingest.adapters.uploads.keys import Keys
from ingest.adapters.uploads.parameters import NOTHING, PARAMETERS, given
from ingest.adapters.uploads.taking import Intake
from ingest.domain.picture import INLINE_LIMIT_BYTES, LARGEST_BYTES
from ingest.domain.upload import IMAGE_TYPES, LARGEST_REQUEST_BYTES, MULTIPART, ZIP
from winnow import metrics

TYPES = (*IMAGE_TYPES, MULTIPART, ZIP)
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "The camera's key, which `winnow upload-key CAMERA` makes.",
}

_DESCRIPTION = """
Pictures of cameras, one or many in a request. Of one that is refused nothing is taken; where broker or disk fail in the
middle of many files, the answer names those that were taken. What was acknowledged is not lost. Sent again, the same
file is the same frame: after a 503, a 500, a 408 or a broken connection send it again.
"""


@dataclass(frozen=True)
class Limits:
    """Of time, for a client that is slow."""

    read_timeout_s: float
    timeout_s: float


def build_api(intake: Intake, keys: Keys, limits: Limits) -> FastAPI:
    """The application; `docs` pages are left out, since they load their scripts from elsewhere."""
    api = FastAPI(
        title="Winnow uploads", version="1", description=_DESCRIPTION, docs_url=None, redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )  # fmt: skip
    api.add_exception_handler(Rejection, _rejected)  # type: ignore[arg-type]
    api.add_exception_handler(HTTPException, _no_such)  # type: ignore[arg-type]
    for not_now in (NoRoom, NotTaken, OSError):
        api.add_exception_handler(not_now, _not_now)
    api.add_exception_handler(Exception, _unexpected)
    memory, disk = Share(MEMORY_BYTES), Share(DISK_BYTES)

    @api.post(
        "/v1/cameras/{camera_id:path}/frames",
        status_code=201,
        response_model=None,
        responses=RESPONSES,
        openapi_extra={"parameters": PARAMETERS, "requestBody": REQUEST_BODY, "security": [{"HTTPBearer": []}]},
        summary="Send pictures of a camera",
    )
    async def send_frames(request: Request) -> Response:
        """Sends one picture (the body), several (a form's files) or a zip of them.

        201: the broker has all. 202: all are safe, some of them on disk until the broker is back. Everything else:
        nothing was acknowledged, but for the files that a 503 names in `taken`. captured_at, frame_id and sequence
        are for one picture alone.
        """
        camera_id = request.path_params["camera_id"]
        _authorise(keys, request.headers.get("authorization", ""), camera_id)
        about = given(camera_id, request.query_params)
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
                return _answer(await intake.small(camera_id, file, about))
        if kind not in IMAGE_TYPES and about != NOTHING:
            raise Rejection(422, "parameter", "captured_at, frame_id and sequence are for one image alone")
        # A body that takes its time to come does so on disk, and keeps no memory from others.
        async with disk.hold(declared), intake.received(body) as received, memory.hold(LARGEST_BYTES):
            if kind == MULTIPART:
                return _answer(await intake.form(camera_id, content_type, received))
            if kind == ZIP:
                return _answer(await intake.zip(camera_id, received))
            return _answer(await intake.large(camera_id, received, about))

    api.openapi()["components"]["securitySchemes"] = {"HTTPBearer": BEARER}
    return api


def _authorise(keys: Keys, authorization: str, camera_id: str) -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Rejection(
            401, "no_key", "send the camera's key: `Authorization: Bearer KEY`. `winnow upload-key CAMERA` makes one"
        )
    if not keys.allows(key, camera_id):
        if keys.knows(key):
            raise Rejection(403, "other_camera", f"the key is not one of camera {camera_id}")
        raise Rejection(401, "unknown_key", "the key is not known. `winnow upload-key CAMERA` makes one")


def _answer(taken: Taken) -> Response:
    spooled = any(frame.status is Kept.SPOOLED for frame in taken.frames)
    return _json(202 if spooled else 201, taken.model_dump_json())


def _json(status: int, body: str, headers: dict[str, str] | None = None) -> Response:
    metrics.uploads.labels(status).inc()
    return Response(body, status, headers, media_type="application/json")


async def _rejected(_: Request, error: Rejection) -> Response:
    return _json(error.status, error.problem.model_dump_json(), error.headers)


async def _no_such(_: Request, error: HTTPException) -> Response:
    reason = {404: "no_such_path", 405: "method"}.get(error.status_code, "request")
    body = Problem(reason=reason, detail=f"{error.detail}; /openapi.json has what there is").model_dump_json()
    return _json(error.status_code, body, dict(error.headers or {}))


async def _not_now(request: Request, error: Exception) -> Response:
    why = error.strerror or error if isinstance(error, OSError) else error
    return await _rejected(request, Rejection(503, reason_of(error), f"{why}; nothing was acknowledged, send it again"))


async def _unexpected(_: Request, __: Exception) -> Response:
    body = Problem(reason="internal", detail="an error of the service; its log has more. Nothing was acknowledged")
    return _json(500, body.model_dump_json())

"""The doors: a source's frames with their names and times, whatever they come from."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path

import structlog

from ingest.adapters.child import DecoderLost, FrameChild, SourceFailed
from ingest.adapters.encode import as_jpeg
from ingest.adapters.folder import beginning, files_in, look, whole
from ingest.domain.capture_time import footage_start, picture_times, whole_ms
from ingest.domain.picture import content_type, refusal
from ingest.domain.source import S3, SCENE, TOPIC, VIDEO_TIMEOUT_S, Source, scene_arguments
from winnow.clock import now
from winnow.errors import Refused
from winnow.events import Frame
from winnow.identity import frame_id_of_file

log = structlog.get_logger()


@dataclass(frozen=True)
class NotTaken:
    """What a source holds that does not become a frame."""

    name: str
    reason: str
    why: str


def open_door(
    source: Source, stop: threading.Event | None = None, *, timeout_s: float = VIDEO_TIMEOUT_S
) -> Iterator[Frame | NotTaken]:
    """The source's frames in order. Raises `Refused` before the first, `SourceFailed` where it breaks off.

    Of footage, also where it gives no frame for `timeout_s`; and `Stopped` where `stop` is set while it is waited for.
    """
    if source.source.startswith(SCENE):
        arguments, identity = scene_arguments(source.source)
        child = partial(FrameChild, "winnow_scenes.player", arguments, stop=stop, timeout_s=timeout_s)
        return _footage(source, child, hashlib.sha256(identity.encode()).hexdigest())
    if source.stream:
        raise Refused(f"{source.name} is a live camera, and never ends; record some minutes of it to a file")
    if source.source.startswith((S3, TOPIC)):
        raise Refused(f"{source.source} is no file: only `winnow publish` and ingest itself read it")
    path = Path(source.source)
    if not path.exists():
        raise Refused(f"{path} is not there")
    if not (path.is_file() or path.is_dir()):
        raise Refused(f"{path} is neither a file nor a folder")
    if path.is_dir() or content_type(beginning(path)) is not None:
        if source.minutes is not None:
            raise Refused(f"{path} is no video: minutes are for videos alone")
        return _pictures(source, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    child = partial(FrameChild, "ingest.adapters.video_child", [str(path.absolute())], stop=stop, timeout_s=timeout_s)
    return _footage(source, child, digest)


def _footage(source: Source, begin: Callable[[], FrameChild], sha256: str) -> Iterator[Frame | NotTaken]:
    most_s = inf if source.minutes is None else source.minutes * 60
    try:
        with begin() as child:
            length_s = child.length_s()
            start = footage_start(source.start, min(length_s or 0.0, most_s), now(), live=source.live)
            for frame in child:
                if frame.t_s >= most_s:
                    return
                refused = refusal(frame.image, len(frame.image))
                if refused is not None:
                    yield NotTaken(f"frame {frame.index}", *refused)
                    continue
                yield Frame(
                    frame_id=frame_id_of_file(source.camera, sha256, frame.index),
                    camera_id=source.camera,
                    captured_at=whole_ms(start + timedelta(seconds=frame.t_s)),
                    sequence=frame.index,
                    content_type="image/jpeg",
                    image=frame.image,
                )
    except DecoderLost as error:
        raise SourceFailed(f"{error}. Encode the video anew or leave it out") from None


def _pictures(source: Source, path: Path) -> Iterator[Frame | NotTaken]:
    files = files_in(path)
    if not files:
        raise Refused(f"{path} holds no file")
    seen = [look(file) for file in files]
    pictures = [one for one in seen if one.refused is None]
    rule, times = picture_times(
        [one.taken_at for one in pictures], [one.modified_at for one in pictures],
        source.start, source.interval_s, now(), live=source.live,
    )  # fmt: skip
    log.info("times of the pictures", camera=source.camera, rule=rule, pictures=len(pictures))
    time_of = {one.path: time for one, time in zip(pictures, times, strict=True)}
    copies: Counter[str] = Counter()
    for sequence, one in enumerate(seen):
        # Again as it is read: the file may have changed since its time was looked up.
        image, refused = whole(one.path) if one.refused is None else (b"", one.refused)
        if refused is not None:
            yield NotTaken(str(one.path), *refused)
            continue
        try:
            encoded = as_jpeg(image)
        except Refused as error:
            yield NotTaken(str(one.path), "undecodable", str(error))
            continue
        digest = hashlib.sha256(image).hexdigest()
        yield Frame(
            # The index counts files with these same bytes: a picture keeps its id when others come beside it.
            frame_id=frame_id_of_file(source.camera, digest, copies[digest]),
            camera_id=source.camera,
            captured_at=whole_ms(time_of[one.path]),
            sequence=sequence,
            content_type="image/jpeg",
            image=encoded,
        )
        copies[digest] += 1


__all__ = ["NotTaken", "SourceFailed", "open_door"]

"""When an announced image is the newest, and what the announcement is called."""

from __future__ import annotations

from winnow.events import StoredImage


def is_newest(announced: StoredImage, frames_now: int) -> bool:
    """Whether no frame was added since. Frames are only ever added, so a longer list is a newer one."""
    return len(announced.frames) >= frames_now


def corrected_id(event_id: str, frames: int) -> str:
    """The id of an event that sends the newest list, of `frames` frames, after an older one overtook it.

    It differs from the id of the frame's own event: readers that drop what they have seen must not drop this one.
    """
    return f"{event_id}+{frames}"

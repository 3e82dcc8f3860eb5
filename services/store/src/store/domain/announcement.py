"""When an announced image is the newest, and what the announcement is called."""

from __future__ import annotations


def is_newest(frames_announced: int, frames_now: int) -> bool:
    """Whether no frame was added since. Frames are only ever added, so the larger number is the newer one."""
    return frames_announced >= frames_now


def corrected_id(event_id: str, frames: int) -> str:
    """The id of an event that sends an image of `frames` frames again, after an older one overtook it.

    It differs from the id of the frame's own event: readers that drop what they have seen must not drop this one.
    """
    return f"{event_id}+{frames}"

"""What a picture file is, by its first bytes, and whether it may be sent."""

from __future__ import annotations

INLINE_LIMIT_BYTES = 900_000
"""Larger images go by reference (the topic takes 2 MiB, a selected frame carries more beside it)."""

LARGEST_BYTES = 32 * 1024 * 1024
"""As large as readers take a referenced image (`WINNOW_REFERENCE_MAX_BYTES`)."""

_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def content_type(image: bytes) -> str | None:
    """The media type of a JPEG or PNG, None for everything else."""
    return next((kind for magic, kind in _MAGIC if image.startswith(magic)), None)


def refusal(image: bytes, size_bytes: int) -> tuple[str, str] | None:
    """Why an image is not taken: a short reason for the metric and a sentence; None where it is.

    Of `image` the first bytes are enough; `size_bytes` is its whole size.
    """
    if not image:
        return "empty", "the file is empty"
    if content_type(image) is None:
        return "not_an_image", f"not a JPEG or PNG (first bytes {image[:4].hex(' ')})"
    if size_bytes > LARGEST_BYTES:
        return "too_large", f"{size_bytes:,} bytes; an image has at most {LARGEST_BYTES:,}"
    return None

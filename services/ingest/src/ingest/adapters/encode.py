"""PNG and WebP become JPEG, once and always in the same way; JPEG is never touched."""

from __future__ import annotations

from ingest.domain.picture import content_type, refusal
from winnow.errors import Refused


def as_jpeg(image: bytes) -> bytes:
    """A JPEG as it is (the same object); a PNG or WebP decoded and encoded by `adapters.transcode`. Thread-safe.

    The same bytes give the same JPEG. Of 16 bits a sample the upper 8 remain; what is transparent lies on black, as
    the border of a camera's picture does; a turn that the EXIF data asks for is made, since that does not travel on;
    colour profiles are not applied. A grey picture stays grey.

    Raises `Refused` with a sentence: no picture, more than 32 MiB, more than 100 megapixels by the header (before
    anything is decoded), animated, damaged or cut off.
    """
    if refused := refusal(image, len(image)):
        raise Refused(refused[1])
    kind = content_type(image)
    if kind == "image/jpeg":
        return image
    from ingest.adapters.transcode import transcoded  # 40 MB that cameras of JPEGs never need

    return transcoded(image, str(kind))

"""The store's pure parts."""

import hashlib
from dataclasses import replace

import pytest
from tests.support.books import jpeg, selected

from store.domain.announcement import corrected_id, is_newest
from store.domain.images import check, image_of
from winnow.errors import PoisonRecord
from winnow.events import Source

SOURCE = Source("winnow.frames.v1", 0, 3)


def test_an_image_is_named_by_its_bytes():
    digest = hashlib.sha256(jpeg(1)).hexdigest()
    assert image_of(jpeg(1)).key == f"images/{digest[:2]}/{digest}.jpg"
    png = image_of(b"\x89PNG\r\n\x1a\n" + b"x")
    assert png.key.endswith(".png") and png.content_type == "image/png"


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"GIF89a", b"\x89PNG"])
def test_what_is_neither_jpeg_nor_png_is_refused(data):
    with pytest.raises(PoisonRecord):
        image_of(data)


@pytest.mark.parametrize(
    "wrong", [{"frame_id": "a\0"}, {"camera_id": "\0"}, {"flags": ("\0",)}, {"block": "dev"}, {"width": 0}]
)
def test_what_no_row_can_hold_is_refused(wrong):
    good = selected(SOURCE, jpeg(1))
    check(good)
    with pytest.raises(PoisonRecord):
        check(replace(good, **wrong))


def test_more_frames_are_newer_and_a_correction_has_an_id_of_its_own():
    assert is_newest(2, 2)
    assert not is_newest(2, 3)
    assert len({"image/t/0/1", corrected_id("image/t/0/1", 2), corrected_id("image/t/0/1", 3)}) == 3

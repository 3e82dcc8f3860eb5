"""Names of members, archives by their first bytes, and the status for reasons."""

from __future__ import annotations

import pytest

from ingest.domain.upload import climbs, is_archive, is_of_the_system, status_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", False),
        ("in/a..b.jpg", False),
        ("...", False),
        ("ü/1:2.jpg", False),
        ("", True),
        ("..", True),
        ("a/../../b.jpg", True),
        ("/a.jpg", True),
        ("a\\b.jpg", True),
        ("c:/a.jpg", True),
        ("a\0.jpg", True),
    ],
)
def test_a_name_that_leaves_its_folder_climbs(name: str, expected: bool) -> None:
    assert climbs(name) is expected


@pytest.mark.parametrize(
    "begin", [b"PK\x03\x04", b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", bytes(257) + b"ustar"]
)
def test_archives_are_known_by_their_bytes(begin: bytes) -> None:
    assert is_archive(begin + b"x")
    assert not is_archive(b"\xff\xd8\xff" + begin)


def test_what_a_system_adds_is_known_by_its_name() -> None:
    assert is_of_the_system("__MACOSX/a/._b.jpg")
    assert is_of_the_system("in/.DS_Store")
    assert not is_of_the_system("in/MACOSX/a.jpg")


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ({"too_large"}, 413),
        ({"not_an_image", "nested_archive"}, 415),
        ({"too_large", "not_an_image"}, 422),
        ({"bomb"}, 422),
    ],
)
def test_a_status_is_that_of_all_reasons_or_422(reasons: set[str], status: int) -> None:
    assert status_of(reasons) == status

"""No bytes make the DC decoder read where it may not, hang, raise or give a picture that is not libjpeg's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import jpeg as fuzz

INPUTS = int(os.environ.get("WINNOW_FUZZ_INPUTS", "20000"))
SEEDS = fuzz.seeds()


def test_damaged_images_stay_within_bounds() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.jpeg", str(INPUTS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "decoded" in ran.stdout and "refused" in ran.stdout


@settings(max_examples=min(500, INPUTS), deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 8)), max_size=5),
)
def test_any_bytes_in_place_of_others_give_libjpegs_picture_or_none(
    image: bytes, changes: list[tuple[int, bytes, int]]
) -> None:
    damaged = bytearray(image)
    for at, value, length in changes:
        damaged[at % len(image) : at % len(image) + length] = value
    fuzz.check(bytes(damaged))

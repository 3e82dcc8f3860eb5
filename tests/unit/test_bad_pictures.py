"""Whatever the bytes are: a signature or a sentence, in bounded time and memory, and the next picture as before."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from tests.support import bad_pictures as bad

from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.image_header import Unreadable
from selector.domain.signature import Signature

LIMITS = ExtractionLimits()
MOST_CPU_S = 3.0


def outcome(image: bytes) -> Signature | Unreadable:
    """What `extract` gives: the same twice, in bounded time, and a good picture behind it is as it always was."""
    began = time.process_time()
    found = extract(image, LIMITS)
    assert time.process_time() - began < MOST_CPU_S
    # The decoder must not show what lay in memory before.
    churn = np.full(400 * 300 * 3, 0xAB, np.uint8)
    del churn
    again = extract(image, LIMITS)
    if isinstance(found, Unreadable):
        assert found == again
        assert found.reason.partition(" ")[0].rstrip(":") in ("empty", "not", "truncated", "damaged", "unsupported",
                                                              "zero", "too"), found.reason  # fmt: skip
    else:
        assert isinstance(again, Signature) and again.to_bytes() == found.to_bytes()
    good = extract(bad.good_jpegs()["baseline"], LIMITS)
    assert isinstance(good, Signature) and good.to_bytes() == GOOD
    return found


def _good() -> bytes:
    found = extract(bad.good_jpegs()["baseline"], LIMITS)
    assert isinstance(found, Signature)
    return found.to_bytes()


GOOD = _good()


@pytest.mark.parametrize("kind", bad.good_jpegs())
def test_every_form_of_jpeg_is_read(kind: str) -> None:
    assert isinstance(outcome(bad.good_jpegs()[kind]), Signature)


def test_the_forms_of_one_png_have_one_signature() -> None:
    found = {kind: outcome(image) for kind, image in bad.good_pngs().items()}
    plain = found["grey"]
    assert isinstance(plain, Signature)
    for kind, signature in found.items():
        assert isinstance(signature, Signature), (kind, signature)
        np.testing.assert_array_equal(signature.luma, plain.luma, kind)
        np.testing.assert_array_equal(signature.gradient, plain.gradient, kind)


@pytest.mark.parametrize("kind", bad.unreadable())
def test_what_gives_no_signature_says_why(kind: str) -> None:
    image, reason = bad.unreadable()[kind]
    found = outcome(image)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(reason), found.reason


@pytest.mark.parametrize("kind", bad.odd())
def test_what_is_strange_and_readable_has_a_signature(kind: str) -> None:
    assert isinstance(outcome(bad.odd()[kind]), Signature)


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart markers", "EXIF with a thumbnail"])
def test_a_jpeg_cut_off_at_any_byte_is_unreadable(kind: str) -> None:
    image = bad.good_jpegs()[kind]
    for length in range(len(image)):
        assert isinstance(extract(image[:length], LIMITS), Unreadable), length
    assert isinstance(outcome(image), Signature)


def test_a_png_cut_off_at_any_byte_is_unreadable() -> None:
    image = bad.good_pngs()["grey"]
    for length in range(len(image)):
        assert isinstance(extract(image[:length], LIMITS), Unreadable), length


def test_a_thousand_mutations_give_a_signature_or_a_reason() -> None:
    found = [type(outcome(image)) for image in bad.mutations(1000)]
    assert found.count(Signature) > 100
    assert found.count(Unreadable) > 100


@pytest.mark.parametrize("size", [(100, 70), (200, 150), (400, 300), (800, 600)])
def test_the_signature_is_that_of_the_stored_pixels_at_every_reduction(size: tuple[int, int]) -> None:
    image = bad.jpeg(picture=bad.scene(*size))
    upright, *others = (outcome(bad.turned(image, orientation)) for orientation in range(1, 9))
    assert isinstance(upright, Signature)
    assert (upright.width, upright.height) == size
    for other in others:
        assert isinstance(other, Signature)
        assert other.to_bytes() == upright.to_bytes()


MEASURED = """
from pathlib import Path
from tests.support import bad_pictures as bad
from selector.domain.extraction import ExtractionLimits, extract

def peak_kb(reset=False):
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

pictures = {kind: image for kind, (image, _) in bad.unreadable().items()} | bad.odd()
extract(bad.good_jpegs()["baseline"], ExtractionLimits())
before = peak_kb(reset=True)
for kind, image in pictures.items():
    extract(image, ExtractionLimits())
    print(peak_kb() - before, kind)
"""
MOST_GROWTH_KB = 180_000


def test_no_picture_takes_much_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    growth = [(int(line.split(" ", 1)[0]), line) for line in done.stdout.splitlines()]
    assert len(growth) == len(bad.unreadable()) + len(bad.odd())
    assert max(growth)[0] < MOST_GROWTH_KB, growth

"""Damaged JPEGs for the DC decoder, with every index of its compiled code checked.

`python -m tests.fuzz.jpeg 1000000 [SEED]` prints what came of them and fails at the first that raises, takes long or
has another picture than libjpeg's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

if __name__ == "__main__":
    # Before numba is imported; in a folder of its own, since a cache does not tell checked code from other.
    folder = tempfile.TemporaryDirectory()
    os.environ.update(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=folder.name)

import cv2
import numpy as np

from selector.domain.jpeg import DcImage, decode_dc
from tests.support.bad_pictures import SAMPLING, jpeg, scene
from tests.support.jpeg_writer import DEEP, FLAT, Jpeg

SLOWEST_S = 1.0
_REDUCED = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION


def seeds() -> list[bytes]:
    """Small whole JPEGs of every form that is decoded."""
    forms = [
        (),
        (cv2.IMWRITE_JPEG_QUALITY, 30, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        (SAMPLING, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_QUALITY, 100),
    ]
    small = [jpeg(*form, picture=scene()[: 17 + 8 * i, : 41 - 4 * i]) for i, form in enumerate(forms)]
    grey = Jpeg(33, 9, [(1, 1)], seed=1)
    colour = Jpeg(20, 34, [(2, 2), (1, 1), (1, 1)], seed=2)
    bands = [colour.scan(component, band=(1, 63)) for component in range(3)]
    refined = [colour.scan(band=(0, 0), low=1), colour.scan(band=(0, 0), high=1, restart=1)]
    return [
        *small,
        grey.write(grey.scan(codes=DEEP)),
        colour.write(colour.scan(codes=DEEP, restart=1)),
        colour.write(*(colour.scan(component, codes=FLAT, restart=3) for component in (1, 0, 2))),
        colour.write(*refined, *bands, marker=0xC2),
    ]


def damaged(count: int, seed: int) -> Iterator[bytes]:
    """Seeds with some bytes and bits changed, lost, doubled, or moved elsewhere; the same for the same seed."""
    whole = seeds()
    chance = np.random.default_rng(seed)
    for number in range(count):
        image = bytearray(whole[number % len(whole)])
        # Half of the changes fall on the data: what is in front fails early.
        data = image.index(b"\xff\xda")
        for kind, where, length, value in chance.integers(0, 1 << 30, (1 + number % 3, 4)).tolist():
            begin = data if where & 1 else 0
            at = begin + (where >> 1) % max(1, len(image) - begin)
            span = 1 + length % 24
            match kind % 8:
                case 0:
                    del image[at : at + span]
                case 1:
                    image[at:at] = image[at : at + span]
                case 2:
                    image[at : at + span] = bytes(span)
                case 3:
                    image[at : at + 2] = bytes((0xFF, value & 0xFF))
                case 4:
                    del image[at:-2]
                case 5:
                    image[at : at + span] = value.to_bytes(4, "big") * (span // 4)
                case 6:
                    image[at : at + 1] = bytes((value & 0xFF,))
                case _:
                    image[at : at + 1] = bytes(byte ^ 1 << value % 8 for byte in image[at : at + 1])
        yield bytes(image)


def check(image: bytes) -> DcImage | None:
    """Decodes it. Whatever is decoded must be libjpeg's picture, where libjpeg has one."""
    decoded = decode_dc(image)
    if decoded is not None:
        expected = cv2.imdecode(np.frombuffer(image, np.uint8), _REDUCED)
        assert expected is None or np.array_equal(decoded.luma, expected), "another picture than libjpeg's"
    return decoded


def run(count: int, seed: int) -> Counter[str]:
    """Checks so many; the number of those that were decoded, and of those that were not."""
    outcomes: Counter[str] = Counter()
    for number, image in enumerate(damaged(count, seed)):
        began = time.thread_time()
        try:
            outcomes["decoded" if check(image) else "refused"] += 1
            assert time.thread_time() - began < SLOWEST_S, "takes too long"
        except Exception as error:
            raise AssertionError(f"input {number} of seed {seed}, {image.hex()}: {error!r}") from error
    return outcomes


if __name__ == "__main__":
    check(seeds()[0])  # compiles
    print(*run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1).items())

"""The signature: its grids against their definition, its packed form, and that bytes alone decide it."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.domain.descriptor import DESCRIPTOR_SIZE, cosine_distances, describe
from selector.domain.extraction import ExtractionLimits, extract
from selector.domain.grids import detail_grid
from selector.domain.image_header import ImageKind, Unreadable
from selector.domain.jpeg import decode_dc
from selector.domain.signature import Signature

LIMITS = ExtractionLimits()


def _scene(height: int, width: int, seed: int = 3) -> np.ndarray:
    small = np.random.default_rng(seed).integers(20, 236, (9, 12)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _jpeg(picture: np.ndarray, quality: int = 90) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _signature(image: bytes) -> Signature:
    signature = extract(image, LIMITS)
    assert isinstance(signature, Signature), signature
    return signature


def _area_means(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means over cells whose borders may cut pixels, by repeating every pixel until none is cut."""
    repeated = np.repeat(np.repeat(picture.astype(float), rows, axis=0), columns, axis=1)
    height, width = picture.shape
    return repeated.reshape(rows, height, columns, width).mean(axis=(1, 3))


@pytest.mark.parametrize("size", [(61, 83), (60, 80), (75, 101), (7, 5), (1, 1), (30, 40), (40, 200)])
def test_luma_is_the_area_mean_of_the_picture(size: tuple[int, int]) -> None:
    picture = _scene(*size)
    signature = _signature(cv2.imencode(".png", picture)[1].tobytes())
    assert np.abs(signature.luma - _area_means(picture, 30, 40)).max() <= 0.5
    assert (signature.height, signature.width) == size


def test_gradient_is_the_logarithm_of_the_mean_step() -> None:
    picture = _scene(75, 101)
    levels = picture.astype(int)
    steps = np.zeros_like(levels)
    steps[:, :-1] += np.abs(np.diff(levels, axis=1))
    steps[:-1] += np.abs(np.diff(levels, axis=0))
    expected = np.rint(8 * np.log2(1 + _area_means(steps, 15, 20)))
    signature = _signature(cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(signature.gradient, expected)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@pytest.mark.parametrize("size", [(480, 640), (432, 768), (721, 1283), (1283, 721), (50, 2000), (90, 90)])
def test_a_reduced_decode_gives_the_means_of_the_full_picture(size: tuple[int, int], extension: str) -> None:
    picture = _scene(*size)
    signature = _signature(cv2.imencode(extension, picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    full = cv2.resize(picture, (40, 30), interpolation=cv2.INTER_AREA).astype(int)
    # Of a size that is no multiple of eight, what the encoder or the decoder fills up with is in the last blocks.
    assert np.abs(signature.luma - full).mean() < (2.0 if size[0] % 8 == size[1] % 8 == 0 else 2.5)


@pytest.mark.parametrize("size", [(480, 640), (477, 635), (353, 501), (721, 1283)])
def test_a_copy_of_another_size_has_the_same_grid(size: tuple[int, int]) -> None:
    picture = cv2.GaussianBlur(_scene(960, 1280), (0, 0), 4)
    copy = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    first, other = _signature(_jpeg(picture)), _signature(_jpeg(copy))
    assert np.abs(first.luma[:-1, :-1].astype(int) - other.luma[:-1, :-1]).max() <= 3


def test_scalars_describe_exposure() -> None:
    dark = _signature(_jpeg(np.full((480, 640), 3, np.uint8)))
    white = _signature(_jpeg(np.full((480, 640), 255, np.uint8)))
    half = _signature(_jpeg(np.repeat(np.array([0, 255], np.uint8), 320)[None].repeat(480, axis=0)))
    assert dark.mean_log_luma == pytest.approx(2.0, abs=0.001)
    assert white.mean_log_luma == pytest.approx(8.0, abs=0.001)
    assert (dark.saturated_share, white.saturated_share) == (0.0, 1.0)
    assert half.saturated_share == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("image", [_jpeg(_scene(480, 640)), cv2.imencode(".png", _scene(90, 70))[1].tobytes()])
def test_the_packed_form_gives_back_exactly_what_was_extracted(image: bytes) -> None:
    signature = _signature(image)
    packed = signature.to_bytes()
    restored = Signature.from_bytes(packed)
    assert len(packed) == 1535 + (300 if signature.kind is ImageKind.JPEG else 0)
    assert restored.to_bytes() == packed
    scalars = ("kind", "width", "height", "size_bytes", "mean_log_luma", "saturated_share", "chroma")
    for name in scalars:
        assert getattr(restored, name) == getattr(signature, name)
    np.testing.assert_array_equal(restored.luma, signature.luma)
    np.testing.assert_array_equal(restored.gradient, signature.gradient)
    np.testing.assert_array_equal(restored.ac_bits, signature.ac_bits)


def test_detail_is_that_of_the_blocks() -> None:
    image = _jpeg(cv2.merge([_scene(480, 640, seed) for seed in (1, 2, 3)]))
    signature, blocks = _signature(image), decode_dc(image)
    assert blocks is not None and blocks.ac_bits is not None
    largest = blocks.ac_bits.reshape(15, 4, 20, 4).max(axis=(1, 3))
    np.testing.assert_array_equal(signature.ac_bits, np.rint(8 * np.log2(1.0 + largest)))
    assert signature.chroma == pytest.approx((*blocks.chroma_means, *blocks.chroma_spreads), abs=1 / 128)


@pytest.mark.parametrize("size", [(487, 645), (1080, 1920), (120, 160), (113, 163)])
def test_each_block_counts_for_the_tile_of_its_corner(size: tuple[int, int]) -> None:
    bits = np.random.default_rng(4).integers(0, 1600, (-(-size[0] // 8), -(-size[1] // 8))).astype(np.uint16)
    expected = np.zeros((15, 20), np.uint16)
    for (row, column), value in np.ndenumerate(bits):
        tile = row * 15 // bits.shape[0], column * 20 // bits.shape[1]
        expected[tile] = max(expected[tile], value)
    np.testing.assert_array_equal(detail_grid(bits), np.rint(8 * np.log2(1.0 + expected)))


def test_what_is_not_read_is_not_there() -> None:
    picture = _scene(480, 640)
    png = _signature(cv2.imencode(".png", picture)[1].tobytes())
    progressive = _signature(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes())
    small = _signature(_jpeg(_scene(96, 128)))
    assert (png.ac_bits, png.chroma) == (None, None)
    assert progressive.ac_bits is None
    assert progressive.chroma == (0, 0, 0, 0)
    assert small.ac_bits is None
    for signature in (png, progressive, small):
        assert Signature.from_bytes(signature.to_bytes()).to_bytes() == signature.to_bytes()


@pytest.mark.parametrize("change", [lambda p: b"", lambda p: b"\x01" + p[1:], lambda p: p[:-1], lambda p: p + b"\0"])
def test_a_foreign_packed_form_is_refused(change) -> None:
    with pytest.raises(ValueError, match="signature"):
        Signature.from_bytes(change(_signature(_jpeg(_scene(480, 640))).to_bytes()))


def test_exif_orientation_changes_nothing() -> None:
    image = _jpeg(_scene(480, 640))
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    payload = b"Exif\0\0" + tiff
    turned = image[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + image[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (640, 480)
    np.testing.assert_array_equal(_signature(turned).luma, _signature(image).luma)


def test_many_threads_extract_what_one_does() -> None:
    images = [_jpeg(_scene(480, 640, seed)) for seed in range(12)]
    alone = [_signature(image).to_bytes() for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: _signature(image).to_bytes(), images * 4))
    assert together == alone * 4


def test_what_cannot_be_decoded_is_unreadable_and_never_raises() -> None:
    image = _jpeg(_scene(480, 640))
    scan = image.index(b"\xff\xda")
    no_tables = image.replace(b"\xff\xdb", b"\xff\xee")
    for damaged in (b"", b"hello", image[:scan], no_tables):
        assert isinstance(extract(damaged, LIMITS), Unreadable)
    assert isinstance(extract(image, ExtractionLimits(max_pixels=1000)), Unreadable)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_any_damage_gives_a_signature_or_a_reason(changes: list[tuple[int, int]], png: bool) -> None:
    picture = _scene(120, 160)
    image = bytearray(cv2.imencode(".png", picture)[1].tobytes() if png else _jpeg(picture))
    for position, value in changes:
        image[position % len(image)] = value
    assert isinstance(extract(bytes(image), LIMITS), Signature | Unreadable)


def test_the_descriptor_ignores_exposure_and_sees_another_scene() -> None:
    scene = _area_means(_scene(60, 80), 30, 40)
    descriptors = np.stack(
        [
            describe(np.rint(luma).clip(0, 255).astype(np.uint8))
            for luma in (scene, 0.7 * scene + 10, _area_means(_scene(60, 80, seed=9), 30, 40))
        ]
    )
    assert descriptors.shape == (3, DESCRIPTOR_SIZE)
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1.0, atol=1e-6)
    distances = cosine_distances(descriptors[0], descriptors)
    np.testing.assert_allclose(distances, 1 - descriptors @ descriptors[0], atol=1e-6)
    assert distances[0] < 1e-6
    assert distances[1] < 0.001
    assert distances[2] > 0.3


def test_the_descriptor_is_the_dct_of_the_resampled_grid() -> None:
    luma = np.rint(_area_means(_scene(60, 80), 30, 40)).astype(np.uint8)
    resampled = cv2.resize(luma.astype(np.float64), (32, 32), interpolation=cv2.INTER_LINEAR)
    expected = cv2.dct(resampled)[:12, :12]
    expected[0, 0] = 32.0
    np.testing.assert_allclose(describe(luma), (expected / np.linalg.norm(expected)).ravel(), atol=1e-3)


def test_flat_pictures_are_alike_for_the_descriptor() -> None:
    flat = np.stack([describe(np.full((30, 40), level, np.uint8)) for level in (0, 90, 255)])
    assert cosine_distances(flat[0], flat).max() < 1e-6

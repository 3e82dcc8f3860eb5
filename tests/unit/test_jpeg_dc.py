"""The DC decoder: libjpeg's picture at 1/8 to the last bit, what each block's AC coefficients cost, and refusals."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.support.bad_pictures import SAMPLING, good_jpegs, jpeg, patched, scene, segment, sized, turned
from tests.support.jpeg_writer import DEEP, FLAT, Bits, Code, Jpeg, code

from selector.domain.jpeg import DcImage, decode_dc

SAMPLINGS = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}
GREY, F444, F420 = [(1, 1)], [(1, 1)] * 3, [(2, 2), (1, 1), (1, 1)]
WRITTEN_FACTORS = [
    GREY,
    [(2, 2)],
    F444,
    F420,
    [(4, 1), (1, 1), (1, 1)],
    [(1, 2), (1, 1), (1, 1)],
    [(4, 2), (1, 1), (1, 1)],
    [(2, 2), (2, 1), (1, 2)],
    [(3, 1), (1, 1), (3, 1)],
    [(2, 2), (2, 1), (2, 1)],
]


def _libjpeg(image: bytes) -> np.ndarray | None:
    flag = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(image, np.uint8), flag)


def _exact(image: bytes) -> DcImage:
    decoded = decode_dc(image)
    assert decoded is not None
    np.testing.assert_array_equal(decoded.luma, _libjpeg(image))
    return decoded


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_size_quality_and_sampling_is_exact(sampling: str) -> None:
    form = (SAMPLING, SAMPLINGS[sampling])
    for width in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65):
        for height in (1, 8, 9, 17, 33):
            _exact(jpeg(*form, picture=scene()[:height, :width]))
            _exact(jpeg(*form, cv2.IMWRITE_JPEG_PROGRESSIVE, 1, picture=scene()[:height, :width]))
    for quality in (1, 5, 20, 50, 75, 90, 100):
        for extra in ((), (cv2.IMWRITE_JPEG_OPTIMIZE, 1), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)):
            _exact(jpeg(*form, cv2.IMWRITE_JPEG_QUALITY, quality, *extra))
    for interval in (1, 2, 7, 100):
        _exact(jpeg(*form, cv2.IMWRITE_JPEG_RST_INTERVAL, interval))


@pytest.mark.parametrize("name", good_jpegs())
def test_every_form_of_the_house_is_exact(name: str) -> None:
    _exact(good_jpegs()[name])


def test_noise_black_and_white_are_exact() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (97, 131, 3)).astype(np.uint8)
    checks = (np.indices((97, 131)).sum(0) // 8 % 2 * 255).astype(np.uint8)
    for picture in (noise, checks, np.zeros_like(noise), np.full_like(noise, 255)):
        for quality in (1, 60, 100):
            _exact(jpeg(cv2.IMWRITE_JPEG_QUALITY, quality, picture=picture))


@pytest.mark.footage
def test_real_photographs_are_exact(footage: Path) -> None:
    photographs = [path.read_bytes() for path in sorted(footage.parent.rglob("*.jpg"))]
    assert sum(decode_dc(image) is not None for image in photographs) >= 42
    for image in photographs:
        if decode_dc(image) is not None:
            _exact(image)


@pytest.mark.parametrize("codes", [FLAT, DEEP], ids=["flat", "deep"])
@pytest.mark.parametrize("factors", WRITTEN_FACTORS, ids=str)
def test_each_block_has_the_bits_and_the_last_index_that_were_written(factors, codes) -> None:
    for width, height, restart in ((40, 40, 0), (1, 1, 0), (65, 33, 3), (7, 50, 1), (50, 9, 2)):
        written = Jpeg(width, height, factors, seed=width)
        decoded = _exact(written.write(written.scan(codes=codes, restart=restart)))
        rows, columns = decoded.luma.shape
        assert decoded.ac_bits is not None and decoded.last_index is not None
        assert (decoded.ac_bits.dtype, decoded.last_index.dtype) == (np.uint16, np.uint8)
        np.testing.assert_array_equal(decoded.ac_bits, written.ac_bits[:rows, :columns])
        np.testing.assert_array_equal(decoded.last_index, written.last_index[:rows, :columns])


@pytest.mark.parametrize("order", [((0,), (1,), (2,)), ((1, 2), (0,)), ((0, 2), (1,))], ids=str)
def test_components_in_scans_of_their_own_are_exact(order) -> None:
    for factors in (F444, F420, [(2, 1), (1, 1), (2, 1)]):
        written = Jpeg(50, 37, factors)
        decoded = _exact(written.write(*(written.scan(*components, restart=2) for components in order)))
        np.testing.assert_array_equal(
            decoded.ac_bits, written.ac_bits[: decoded.luma.shape[0], : decoded.luma.shape[1]]
        )


def _progressive(written: Jpeg, *dc: bytes, ac: tuple[tuple[int, int], ...] = ((1, 5), (6, 63))) -> bytes:
    bands = [written.scan(c, band=band) for band in ac for c in range(len(written.factors))]
    return written.write(*dc, *bands, marker=0xC2)


def test_a_progressive_picture_is_exact_in_whatever_scans_its_dc_comes() -> None:
    for factors in (GREY, F444, F420):
        written = Jpeg(50, 37, factors)
        every = range(len(factors))
        _exact(_progressive(written, written.scan(band=(0, 0), restart=3)))
        split = [written.scan(c, band=(0, 0), low=1) for c in every]
        _exact(_progressive(written, *split, *(written.scan(c, band=(0, 0), high=1) for c in every)))
        refined = [written.scan(band=(0, 0), high=low + 1, low=low, restart=2) for low in (2, 1, 0)]
        decoded = _exact(_progressive(written, written.scan(band=(0, 0), low=3), *refined))
        assert decoded.ac_bits is decoded.last_index is None


def test_scans_out_of_order_are_left_to_another_decoder() -> None:
    written = Jpeg(50, 37, F420)
    first, last = written.scan(band=(0, 0), low=2), written.scan(band=(0, 0), high=1)
    middle, gap = written.scan(band=(0, 0), high=2, low=1), written.scan(band=(0, 0), high=2)
    _exact(_progressive(written, first, middle, last))
    for dc in (
        (first, last),
        (first, gap),
        (first, middle),
        (middle, last),
        (first, last, middle),
        (first, middle, middle, last),
    ):
        assert decode_dc(_progressive(written, *dc)) is None
    assert decode_dc(written.write(written.scan(0, 0), written.scan(1, 2))) is None
    assert decode_dc(written.write(written.scan(0), written.scan(1))) is None
    assert decode_dc(written.write(written.scan(), written.scan())) is None


def test_colour_is_told_by_mean_and_spread() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, :48], picture[:, 48:] = (200, 120, 40), (40, 120, 200)
    ycrcb = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb).astype(float) - 128
    for form in (SAMPLINGS["4:4:4"], SAMPLINGS["4:2:0"]):
        for progressive in (0, 1):
            image = jpeg(SAMPLING, form, cv2.IMWRITE_JPEG_QUALITY, 98, 3, 0, 2, progressive, picture=picture)
            decoded = _exact(image)
            for place, channel in ((0, 2), (1, 1)):
                assert decoded.chroma_means[place] == pytest.approx(ycrcb[..., channel].mean(), abs=1)
                assert decoded.chroma_spreads[place] == pytest.approx(ycrcb[..., channel].std(), abs=1)
    grey = _exact(good_jpegs()["grey"])
    assert grey.chroma_means == grey.chroma_spreads == (0.0, 0.0)


def test_threads_share_tables_and_agree() -> None:
    images = [jpeg(cv2.IMWRITE_JPEG_QUALITY, q, cv2.IMWRITE_JPEG_OPTIMIZE, 1) for q in range(10, 100)] * 3
    with ThreadPoolExecutor(4) as pool:
        for image, decoded in zip(images, pool.map(decode_dc, images), strict=True):
            assert decoded is not None
            np.testing.assert_array_equal(decoded.luma, _libjpeg(image))


def test_fill_bytes_and_other_segments_change_nothing() -> None:
    image = good_jpegs()["restart markers"]
    filled = image.replace(b"\xff\xda", b"\xff\xff\xff\xda", 1)[:-2] + b"\xff\xff\xff\xd9behind the end"
    filled = filled[:2] + segment(0xFE, b"\xff\xda\xff\xd9") + filled[2:]
    np.testing.assert_array_equal(_exact(filled).luma, _exact(image).luma)


def _saved(mode: str, **how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene()[..., ::-1]).convert(mode).save(file, "JPEG", **how)
    return file.getvalue()


def _renamed(image: bytes, names: bytes, others: bytes) -> bytes:
    """The JPEG with other names of its components in frame and scan, three bytes and two bytes each."""
    frame, scan = image.index(b"\xff\xc0") + 10, image.index(b"\xff\xda") + 5
    renamed = bytearray(image)
    assert renamed[frame : frame + 9 : 3] == renamed[scan : scan + 6 : 2] == names
    renamed[frame : frame + 9 : 3] = renamed[scan : scan + 6 : 2] = others
    return bytes(renamed)


BASELINE, PROGRESSIVE, RESTARTS = (good_jpegs()[name] for name in ("baseline", "progressive", "restart markers"))
SCANS = PROGRESSIVE.split(b"\xff\xda")
RGB = _saved("RGB", keep_rgb=True)
COARSE = Jpeg(8, 8, [(1, 1), (2, 1), (1, 1)])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8", id="a start alone"),
        pytest.param(BASELINE[:-2], id="no end"),
        pytest.param(BASELINE[: len(BASELINE) // 2] + b"\xff\xd9", id="data cut off"),
        pytest.param(BASELINE[:-2] + b"\x00\xff\xd9", id="a byte too much"),
        pytest.param(sized(BASELINE, 160, 136), id="more rows than data"),
        pytest.param(sized(BASELINE, 160, 104), id="fewer rows than data"),
        pytest.param(sized(BASELINE, 65535, 65535), id="4 gigapixels"),
        pytest.param(sized(BASELINE, 160, 0), id="a height that comes behind the scan"),
        pytest.param(BASELINE[:-2] + segment(0xDC, b"\0\x78") + b"\xff\xd9", id="DNL"),
        pytest.param(BASELINE.replace(b"\xff\xc4", b"\xff\xee"), id="no Huffman tables"),
        pytest.param(BASELINE.replace(b"\xff\xdb", b"\xff\xee"), id="no quantisation tables"),
        pytest.param(patched(BASELINE, 0xC4, 5, b"\x03"), id="a Huffman table with too many codes"),
        pytest.param(patched(BASELINE, 0xC0, 4, b"\x0c"), id="12 bits"),
        pytest.param(patched(BASELINE, 0xC0, 0, b"\xff\xc9"), id="arithmetic coding"),
        pytest.param(COARSE.write(COARSE.scan()), id="luma coarser than chroma"),
        pytest.param(patched(BASELINE, 0xC0, 10, b"RGB"[:1]), id="a scan of another component"),
        pytest.param(RESTARTS.replace(b"\xff\xd1", b"\xff\xd2", 1), id="restart markers out of order"),
        pytest.param(RESTARTS.replace(b"\xff\xd1", b"", 1), id="a restart marker is lost"),
        pytest.param(_saved("CMYK"), id="CMYK"),
        pytest.param(RGB, id="RGB"),
        pytest.param(RGB.replace(b"Adobe", b"Other"), id="RGB by the names of its components"),
        pytest.param(_renamed(RGB, b"RGB", b"\1\2\3"), id="RGB by Adobe's marker"),
        pytest.param(b"\xff\xda".join(SCANS[:2]) + b"\xff\xd9", id="progressive, DC alone"),
        pytest.param(b"\xff\xda".join(SCANS[:-1]) + b"\xff\xd9", id="progressive, the last scan is lost"),
        pytest.param(b"\xff\xda".join((*SCANS[:2], *SCANS[1:])), id="progressive, a scan twice"),
        pytest.param(b"\xff\xda".join(SCANS)[:-2], id="progressive, no end"),
    ],
)
def test_what_is_odd_or_damaged_is_left_to_another_decoder(image: bytes) -> None:
    assert decode_dc(image) is None


@pytest.mark.parametrize(
    "change", [lambda b: b.__setitem__((0, 0, 0), 1100), lambda b: b.__setitem__((0, 0, 0), -1100)], ids=["+", "-"]
)
def test_a_dc_coefficient_out_of_range_is_never_wrapped(change: Callable[[np.ndarray], None]) -> None:
    written = Jpeg(16, 16, GREY, step=8)
    change(written.blocks[0])
    assert decode_dc(written.write(written.scan())) is None


def test_a_dc_coefficient_of_13_bits_is_damage() -> None:
    written = Jpeg(16, 8, GREY, step=1)
    written.blocks[0][0, :, 0] = (1500, 2047)
    _exact(written.write(written.scan()))
    written.blocks[0][0, :, 0] = (1500, 2048)
    assert decode_dc(written.write(written.scan())) is None


@pytest.mark.parametrize("codes", [FLAT, DEEP], ids=["flat", "deep"])
@pytest.mark.parametrize("last", [0xF0, 0xF1, 0xE1, 0x0A])
def test_coefficients_behind_the_64th_are_damage(codes: tuple[Code, Code], last: int) -> None:
    written = Jpeg(8, 8, GREY)
    bits = Bits()
    bits.symbol(0, codes[0])
    for symbol in (0xF0, 0xF0, 0xF0, last):
        bits.symbol(symbol, codes[1])
        bits.put(0, symbol & 15)
    if last == 0x0A:
        bits.symbol(0, codes[1])
    decoded = decode_dc(written.write(written.scan(codes=codes, data=bits.bytes())))
    assert (decoded is None) == (last in {0xF0, 0xF1})


def test_a_code_of_ones_alone_is_refused() -> None:
    written = Jpeg(40, 40, GREY)
    written.blocks[0][..., 0] = 0
    _exact(written.write(written.scan(codes=(code([1, 2], range(2)), FLAT[1]))))
    image = written.write(written.scan(codes=(code([1, 2, 2], range(3)), FLAT[1])))
    assert decode_dc(image) is _libjpeg(image) is None


def test_a_size_that_the_data_cannot_fill_takes_no_memory() -> None:
    huge = sized(BASELINE, 65535, 65535)
    decode_dc(BASELINE)
    tracemalloc.start()
    try:
        assert decode_dc(huge) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_exif_orientation_is_ignored() -> None:
    np.testing.assert_array_equal(_exact(turned(BASELINE, 6)).luma, _exact(BASELINE).luma)

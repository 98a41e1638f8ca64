"""Colour and palette captures become gray."""

from __future__ import annotations

import cv2
import imagecodecs
import numpy as np
import pytest
from pydicom import uid

SC = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def colours(plate) -> np.ndarray:
    eight = (plate >> 4).astype(np.uint8)
    return np.dstack([eight, 255 - eight, np.roll(eight, 7, 1)])


@pytest.fixture
def gray(colours) -> np.ndarray:
    return cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)


def frame_of(colours: np.ndarray, kind: str) -> bytes:
    return {
        "jpeg ybr": lambda: imagecodecs.jpeg8_encode(colours, 98, subsampling="444"),
        "jpeg rgb": lambda: imagecodecs.jpeg8_encode(colours, 98, colorspace="RGB", outcolorspace="RGB"),
        "lossless": lambda: imagecodecs.jpeg8_encode(colours, lossless=True, predictor=1),
        "jpegls": lambda: imagecodecs.jpegls_encode(colours),
        "j2k": lambda: imagecodecs.jpeg2k_encode(colours, codecformat="J2K", reversible=True),
        "htj2k": lambda: imagecodecs.htj2k_encode(colours, reversible=True),
    }[kind]()


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_native_colours(make, take, colours, gray, planar, syntax):
    raw = colours if planar == 0 else colours.transpose(2, 0, 1)
    data = make(colours, syntax, SOPClassUID=SC, PlanarConfiguration=planar, PixelData=raw.tobytes())
    found = take(data).pixels
    assert found.dtype == np.uint8
    assert np.array_equal(found, gray)


def test_deep_colours(make, take, colours, gray):
    deep = colours.astype(np.uint16) << 4
    found = take(make(deep, bits=12, SOPClassUID=SC)).pixels
    assert found.dtype == np.uint16
    assert np.abs(found / 257 - gray).max() < 1.5


def test_run_length_colours(make, take, colours, gray):
    assert np.array_equal(take(make(colours, uid.RLELossless, SOPClassUID=SC)).pixels, gray)


@pytest.mark.parametrize(
    ("kind", "syntax", "photometric", "tolerance"),
    [
        ("jpeg ybr", uid.JPEGBaseline8Bit, "YBR_FULL_422", 4),
        ("jpeg ybr", uid.JPEGBaseline8Bit, "RGB", 4),  # mislabelled: its own JFIF segment says YCbCr
        ("jpeg rgb", uid.JPEGBaseline8Bit, "RGB", 6),
        ("lossless", uid.JPEGLosslessSV1, "RGB", 0),
        ("jpegls", uid.JPEGLSLossless, "RGB", 0),
        ("j2k", uid.JPEG2000Lossless, "YBR_RCT", 0),
        ("htj2k", uid.HTJ2KLossless, "YBR_RCT", 0),
    ],
)
def test_compressed_colours(make, take, colours, gray, kind, syntax, photometric, tolerance):
    data = make(colours, syntax, frame=frame_of(colours, kind), SOPClassUID=SC, PhotometricInterpretation=photometric)
    assert np.abs(take(data).pixels.astype(int) - gray).max() <= tolerance


def test_luminance_is_taken_as_it_is(make, take, colours):
    full = take(make(colours, PhotometricInterpretation="YBR_FULL", SOPClassUID=SC))
    assert np.array_equal(full.pixels, colours[..., 0])
    first = colours[..., 0].reshape(-1, 2)
    packed = np.hstack([first, np.full_like(first, 128)]).tobytes()
    half = take(make(colours, PhotometricInterpretation="YBR_FULL_422", SOPClassUID=SC, PixelData=packed))
    assert np.array_equal(half.pixels, colours[..., 0])


@pytest.mark.parametrize("bits", [8, 16])
def test_palette(make, take, plate, bits):
    indices = (plate >> 4).astype(np.uint8)
    entries = (np.arange(256)[::-1] * (257 if bits == 16 else 1)).astype(f"<u{bits // 8}").tobytes()
    palette = {
        f"{name}PaletteColorLookupTable{part}": value
        for name in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [256, 0, bits]), ("Data", entries))
    }
    data = make(indices, SOPClassUID=SC, PhotometricInterpretation="PALETTE COLOR", **palette)
    assert np.array_equal(take(data).pixels, (255 - indices).astype(np.uint16) * 257)


def test_palette_without_tables_is_damaged(make, refused, plate):
    data = make((plate >> 4).astype(np.uint8), SOPClassUID=SC, PhotometricInterpretation="PALETTE COLOR")
    assert refused(data) == "damaged"


@pytest.mark.parametrize("photometric", ["HSV", "ARGB", "CMYK", "MONOCHROME2"])
def test_other_colour_spaces_are_refused(make, refused, colours, photometric):
    assert refused(make(colours, SOPClassUID=SC, PhotometricInterpretation=photometric)) == "unsupported_pixels"

"""Polarity, windows, tables, padding and stray bits: what is shown for which stored value."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
FULL = {"WindowCenter": 2048, "WindowWidth": 4096}


def shades(radiograph):
    """0 to 1 for each of the ramp's values."""
    return radiograph.pixels.ravel() / 65535.0


def table(first, entries, bits, *, packed=False):
    """An item of a LUT sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    raw = np.asarray(entries, "u1" if packed else "<u2").tobytes()
    item.add_new("LUTData", "OW", raw + b"\0" * (len(raw) % 2))
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    return Sequence([item])


def test_linear_window(make, take):
    """PS3.3 C.11.2.1.2.1, its own example: center 2048, width 4096 maps 0…4095 onto the whole range."""
    found = shades(take(make(RAMP, bits=12, **FULL)))
    assert np.allclose(found, RAMP.ravel() / 4095, atol=1e-5)
    narrow = shades(take(make(RAMP, bits=12, WindowCenter=1000, WindowWidth=101)))
    assert narrow[949] == 0
    assert narrow[1050] == 1
    assert narrow[1000] == pytest.approx(0.505, abs=1e-4)


def test_window_of_width_one_is_a_step(make, take):
    found = shades(take(make(RAMP, bits=12, WindowCenter=2000, WindowWidth=1)))
    assert found[1999] == 0
    assert found[2000] == 1


def test_linear_exact_and_sigmoid(make, take):
    exact = shades(take(make(RAMP, bits=12, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT")))
    assert exact[[1500, 2000, 2250, 2500]] == pytest.approx([0, 0.5, 0.75, 1], abs=1e-4)
    sigmoid = shades(take(make(RAMP, bits=12, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID")))
    assert sigmoid[[1500, 2000, 2500]] == pytest.approx([0.1192, 0.5, 0.8808], abs=1e-3)


def test_of_several_windows_the_first_usable_one_counts(make, take):
    several = take(make(RAMP, bits=12, WindowCenter=[1000, 2048], WindowWidth=[101, 4096]))
    one = take(make(RAMP, bits=12, WindowCenter=1000, WindowWidth=101))
    assert np.array_equal(several.pixels, one.pixels)
    first_is_void = take(make(RAMP, bits=12, WindowCenter=[0, 2048], WindowWidth=[0, 4096]))
    assert np.allclose(shades(first_is_void), RAMP.ravel() / 4095, atol=1e-5)


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 40_000, "WindowWidth": 1000},
        {"WindowCenter": -9000, "WindowWidth": 400},
        {"WindowCenter": 100, "WindowWidth": -5},
        {"WindowCenter": 100},
    ],
)
def test_a_window_that_shows_nothing_is_not_used(make, take, window):
    found = take(make(RAMP, bits=12, **window))
    assert found.details["window"] == "from exposure"
    assert np.ptp(shades(found)) == 1


def test_rescale_comes_before_the_window(make, take):
    plain = take(make(RAMP, bits=12, WindowCenter=1000, WindowWidth=501))
    rescaled = take(make(RAMP, bits=12, RescaleSlope=2, RescaleIntercept=-500, WindowCenter=1500, WindowWidth=1001))
    assert np.allclose(plain.pixels.astype(int), rescaled.pixels, atol=70)
    falling = take(make(RAMP, bits=12, RescaleSlope=-1, RescaleIntercept=4095, **FULL))
    assert np.allclose(shades(falling), 1 - RAMP.ravel() / 4095, atol=1e-5)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_modality_table(make, take, syntax):
    squares = table(0, (np.arange(4096) ** 2 // 256).astype(np.uint16), 16)
    found = shades(
        take(make(RAMP, syntax, bits=12, ModalityLUTSequence=squares, WindowCenter=32768, WindowWidth=65536))
    )
    assert np.allclose(found, (np.arange(4096) ** 2 // 256) / 65535, atol=1e-4)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_voi_table_wins_over_the_window(make, take, syntax):
    """PS3.3 C.11.1.1.1: below the table its first entry, above it its last."""
    ramp = table(1000, np.arange(1024), 10)
    found = take(make(RAMP, syntax, bits=12, VOILUTSequence=ramp, **FULL))
    assert found.details["window"] == "VOI LUT"
    assert shades(found)[[0, 1000, 1512, 2023, 4095]] == pytest.approx([0, 0, 512 / 1023, 1, 1], abs=1e-4)


def test_voi_table_kinds(make, take):
    eight = table(0, np.arange(4096) // 16, 8, packed=True)
    assert np.allclose(shades(take(make(RAMP, bits=12, VOILUTSequence=eight))), (RAMP.ravel() // 16) / 255, atol=1e-4)
    below_its_promise = table(0, np.arange(4096), 16)
    found = shades(take(make(RAMP, bits=12, VOILUTSequence=below_its_promise)))
    assert np.allclose(found, RAMP.ravel() / 4095, atol=1e-4)
    longest = table(0, np.arange(65536), 16)  # 65536 entries are written as 0
    wide = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    assert np.allclose(shades(take(make(wide, VOILUTSequence=longest))), wide.ravel() / 65535, atol=1e-4)


def test_tables_written_as_numbers(make, take):
    """LUT Data may be US instead of OW; then pydicom gives numbers, not bytes."""
    item = table(0, np.arange(4096)[::-1], 12)
    item[0].LUTData = list(range(4095, -1, -1))
    item[0]["LUTData"].VR = "US"
    found = shades(take(make(RAMP, bits=12, VOILUTSequence=item)))
    assert np.allclose(found, 1 - RAMP.ravel() / 4095, atol=1e-4)


@pytest.mark.parametrize("descriptor", [[], [4096, 0], [60000, 0, 16]])
def test_a_table_that_is_none_is_passed_over(make, take, descriptor):
    item = table(0, np.arange(64), 12)
    item[0].LUTDescriptor = descriptor or None
    found = take(make(RAMP, bits=12, VOILUTSequence=item, **FULL))
    assert found.details["window"].endswith("linear")


def test_signed_first_value_written_as_unsigned(make, take):
    signed = (RAMP.astype(int) - 2048).astype(np.int16)
    item = table(63488, np.arange(4096), 12)  # -2048 as two's complement
    assert np.allclose(shades(take(make(signed, bits=12, VOILUTSequence=item))), RAMP.ravel() / 4095, atol=1e-4)


def test_voi_table_of_signed_values(make, take):
    signed = (RAMP.astype(int) - 2048).astype(np.int16)
    found = take(make(signed, bits=12, VOILUTSequence=table(-2048, np.arange(4096), 12)))
    assert np.allclose(shades(found), RAMP.ravel() / 4095, atol=1e-4)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", False),
    ],
)
def test_polarity(make, take, photometric, shape, inverse):
    extra = {"PresentationLUTShape": shape} if shape else {}
    found = shades(take(make(RAMP, bits=12, PhotometricInterpretation=photometric, **FULL, **extra)))
    expected = RAMP.ravel() / 4095
    assert np.allclose(found, 1 - expected if inverse else expected, atol=1e-5)


def test_polarity_of_eight_bits(make, take):
    eight = (RAMP >> 4).astype(np.uint8)
    found = take(make(eight, PhotometricInterpretation="MONOCHROME1")).pixels
    assert found.dtype == np.uint8
    assert np.array_equal(found, 255 - eight)


@pytest.mark.parametrize("sign", [1, -1])
def test_raw_frames_are_turned_by_their_sign(make, take, sign):
    found = take(
        make(
            RAMP,
            bits=12,
            PresentationIntentType="FOR PROCESSING",
            PixelIntensityRelationshipSign=sign,
            PixelIntensityRelationship="LOG",
        )
    )
    assert (shades(found)[0] == 1) == (sign == 1)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEG2000Lossless, uid.JPEGLosslessSV1])
def test_signed_pixels(make, take, bits, syntax):
    half = 1 << (bits - 1)
    unsigned = (np.arange(4096).reshape(64, 64) * ((1 << bits) - 1) // 4095).astype(np.uint16)
    signed = (unsigned.astype(int) - half).astype(np.int16)
    frame = None
    if syntax == uid.JPEGLosslessSV1:  # two's complement in Bits Stored
        twos = (signed.astype(int) % (1 << bits)).astype(np.uint16)
        frame = imagecodecs.jpeg8_encode(twos, lossless=True, predictor=1, bitspersample=bits)
    window = {"WindowCenter": 0, "WindowWidth": 1 << bits}
    reference = take(make(unsigned, bits=bits, WindowCenter=half, WindowWidth=1 << bits))
    assert np.array_equal(take(make(signed, syntax, bits=bits, frame=frame, **window)).pixels, reference.pixels)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless])
def test_stray_upper_bits_are_ignored(make, take, signed, syntax):
    stray = (np.random.default_rng(3).integers(0, 16, RAMP.shape) << 12).astype(np.uint16)
    extra = {"PixelRepresentation": 1} if signed else {}
    window = {"WindowCenter": 0 if signed else 2048, "WindowWidth": 4096}
    clean = take(make(RAMP, bits=12, **window, **extra))
    assert np.array_equal(take(make(RAMP | stray, syntax, bits=12, **window, **extra)).pixels, clean.pixels)


def test_high_bit_above_the_stored_bits(make, take):
    clean = take(make(RAMP, bits=12, **FULL))
    shifted = take(make((RAMP << 4) | 5, bits=12, HighBit=15, **FULL))
    assert np.array_equal(shifted.pixels, clean.pixels)


def test_lossy_overshoot_does_not_wrap(make, take):
    """A lossy decoder may give 1027 where 1023 is the most; that is white, not black."""
    bright = np.full((64, 64), 1023, np.uint16)
    bright[::2, ::3] = 700
    found = take(make(bright, uid.JPEGExtended12Bit, bits=10, WindowCenter=512, WindowWidth=1024))
    assert found.pixels.min() > 65535 * 0.55


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_background(make, take, photometric):
    padded = RAMP.copy()
    padded[:, :20] = 4000
    padded[:, 20:30] = 4010
    found = take(
        make(
            padded, bits=12, PhotometricInterpretation=photometric, PixelPaddingValue=4000, PixelPaddingRangeLimit=4010
        )
    )
    assert not found.pixels[:, :30].any()
    assert found.pixels[:, 30:].any()


def test_padding_does_not_count_as_exposure(make, take):
    frame = np.full((200, 200), 4095, np.uint16)
    frame[40:160, 40:160] = np.linspace(500, 900, 120).astype(np.uint16)
    found = take(make(frame, bits=12, PixelPaddingValue=4095)).pixels
    assert found[100, 42] < 2000
    assert found[100, 157] > 63000


def test_signed_padding_in_an_unsigned_element(make, take):
    signed = (RAMP.astype(int) - 2048).astype(np.int16)
    signed[:8] = -2000
    data = make(signed, bits=12, PixelPaddingValue=-2000, WindowCenter=0, WindowWidth=4096)
    assert not take(data).pixels[:8].any()
    as_unsigned = data.replace(b"\x28\0\x20\1SS", b"\x28\0\x20\1US")
    assert as_unsigned != data
    assert not take(as_unsigned).pixels[:8].any()


def test_without_a_window_the_exposed_range_is_shown(make, take, plate):
    low = plate // 8 + 9000  # 14 bits of which 512 grays are used
    found = take(make(low, bits=14))
    assert found.details["window"] == "from exposure"
    assert (found.pixels == 0).mean() < 0.05
    assert (found.pixels == 65535).mean() < 0.05
    assert np.corrcoef(found.pixels.ravel(), plate.ravel())[0, 1] > 0.99


def test_raw_intensities_are_seen_as_their_logarithm(make, take):
    thickness = np.tile(np.linspace(0, 5, 100), (100, 1))
    intensity = np.rint(60_000 * np.exp(-thickness)).astype(np.uint16)
    found = take(
        make(
            intensity,
            PresentationIntentType="FOR PROCESSING",
            PixelIntensityRelationship="LIN",
            PixelIntensityRelationshipSign=1,
        )
    ).pixels
    assert np.corrcoef(found[50], thickness[50])[0, 1] > 0.99


def test_a_flat_frame_is_read(make, take):
    assert not take(make(np.full((50, 50), 700, np.uint16), bits=12)).pixels.any()


def test_eight_bits_pass_untouched(make, take):
    eight = (RAMP >> 4).astype(np.uint8)
    found = take(make(eight)).pixels
    assert found.dtype == np.uint8
    assert np.array_equal(found, eight)
    windowed = take(make(eight, WindowCenter=100, WindowWidth=50)).pixels
    assert windowed.dtype == np.uint16


@pytest.mark.parametrize(("slope", "intercept"), [("0", "0"), ("1e400", "0"), ("nan", "0"), ("x", "y")])
def test_senseless_rescaling_is_ignored(make, take, slope, intercept):
    plain = take(make(RAMP, bits=12, **FULL))
    data = make(RAMP, bits=12, **FULL, RescaleSlope="99", RescaleIntercept="98")
    for old, new in ((b"99", slope), (b"98", intercept)):
        data = data.replace(b"DS\2\0" + old, b"DS" + len(new).to_bytes(2, "little") + new.encode())
    assert np.array_equal(take(data).pixels, plain.pixels)

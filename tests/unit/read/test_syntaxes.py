"""Every transfer syntax gives the same picture, and a lossless one the same fingerprint."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from pydicom import uid

LOSSLESS = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2K,
]
LOSSY = [uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000]
ENCAPSULATED = [syntax for syntax in (*LOSSLESS, *LOSSY) if uid.UID(syntax).is_encapsulated]
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("preamble", [True, False], ids=["preamble", "bare"])
def test_lossless_syntaxes_agree(make, take, plate, syntax, preamble):
    plain = take(make(plate, bits=12, **WINDOW))
    other = take(make(plate, syntax, bits=12, preamble=preamble, **WINDOW))
    assert np.array_equal(other.pixels, plain.pixels)
    assert other.study == plain.study
    assert other.fingerprint == plain.fingerprint
    assert other.details["transfer_syntax"] == syntax.name


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda syntax: syntax.keyword)
def test_lossy_syntaxes_come_close(make, take, plate, syntax):
    plain = take(make(plate, bits=12, **WINDOW)).pixels.astype(int)
    other = take(make(plate, syntax, bits=12, **WINDOW)).pixels.astype(int)
    assert np.abs(other - plain).mean() < 16 * 16  # sixteen of 4096 grays
    assert np.abs(other - plain).max() < 100 * 16


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, *LOSSLESS], ids=lambda syntax: syntax.keyword)
def test_eight_bits(make, take, plate, syntax):
    eight = (plate >> 4).astype(np.uint8)
    found = take(make(eight, syntax)).pixels
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - eight).max() <= (12 if syntax == uid.JPEGBaseline8Bit else 0)


@pytest.mark.parametrize("bits", [10, 14, 16])
@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_bit_depths(make, take, plate, syntax, bits):
    pixels = plate << (bits - 12) if bits > 12 else plate >> (12 - bits)
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    assert np.array_equal(
        take(make(pixels, syntax, bits=bits, **window)).pixels, take(make(pixels, bits=bits, **window)).pixels
    )


@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(("fragments", "offset_table"), [(3, True), (1, False), (4, False)])
def test_fragments_and_offset_tables(make, take, plate, syntax, fragments, offset_table):
    whole = take(make(plate, syntax, bits=12))
    parts = take(make(plate, syntax, bits=12, fragments=fragments, offset_table=offset_table))
    assert np.array_equal(parts.pixels, whole.pixels)


def test_an_unnamed_syntax_is_recognised(make, take, plate):
    whole = take(make(plate, bits=12)).pixels
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        data = make(plate, syntax, bits=12)
        start = 132 + 12 + int.from_bytes(data[140:144], "little")  # behind group 0002
        assert np.array_equal(take(data[start:]).pixels, whole)


def test_a_syntax_that_names_the_wrong_codec(make, take, plate):
    frame = imagecodecs.jpegls_encode(plate)
    mislabelled = make(plate, uid.JPEGLosslessSV1, bits=12, frame=frame)
    assert np.array_equal(take(mislabelled).pixels, take(make(plate, bits=12)).pixels)


def test_a_missing_final_delimiter_is_let_pass(make, take, plate):
    data = make(plate, uid.JPEGLSLossless, bits=12)
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert np.array_equal(take(data[:-8]).pixels, take(data).pixels)


def test_big_endian_words_of_eight_bit_pixels(make, take, plate):
    """PS3.5 8.1.1: 8-bit pixels written as OW are swapped in pairs."""
    eight = (plate >> 4).astype(np.uint8)
    data = bytearray(make(eight, uid.ExplicitVRBigEndian))
    assert data[-eight.size - 8 : -eight.size - 6] == b"OB"
    data[-eight.size - 8 : -eight.size - 6] = b"OW"
    data[-eight.size :] = eight.reshape(-1, 2)[:, ::-1].tobytes()
    assert np.array_equal(take(bytes(data)).pixels, eight)


@pytest.mark.parametrize(("pixels", "stored"), [("uint8", 8), ("uint16", 12)], ids=["8 bits", "12 bits"])
@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.RLELossless])
def test_odd_sizes(make, take, plate, syntax, pixels, stored):
    odd = (plate >> (12 - stored)).astype(pixels)[:117, :93].copy()
    assert np.array_equal(take(make(odd, syntax, bits=stored)).pixels, take(make(odd, bits=stored)).pixels)

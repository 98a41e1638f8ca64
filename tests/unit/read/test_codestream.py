"""Codestreams whose headers are unusual, incomplete or false."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from pydicom import uid

from koa_worker.errors import InputRejected
from koa_worker.read.codestream import read_header

DEFLATED_FRAME = b"1.2.840.10008.1.2.8.1\0"


def lossless(plate) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(plate, lossless=True, predictor=1, bitspersample=12))


def jpeg2000(plate) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(plate, codecformat="J2K", reversible=True))


@pytest.mark.parametrize(
    ("encode", "kind", "bits"),
    [
        (lossless, "jpeg", 12),
        (lambda plate: imagecodecs.jpeg8_encode((plate >> 4).astype(np.uint8)), "jpeg", 8),
        (imagecodecs.jpegls_encode, "jpegls", 16),
        (jpeg2000, "jpeg2000", 16),
        (imagecodecs.htj2k_encode, "jpeg2000", 16),
    ],
)
def test_what_a_header_says(plate, encode, kind, bits):
    header = read_header(bytes(encode(plate)))
    assert (header.kind, header.rows, header.columns, header.samples) == (kind, *plate.shape, 1)
    assert header.bits == bits


@pytest.mark.parametrize("encode", [lossless, imagecodecs.jpegls_encode, jpeg2000])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_codestream_cut_before_it_was_packed(make, refused, plate, encode, share):
    """The container is whole and only the picture in it is cut."""
    frame = bytes(encode(plate))
    frame = frame[: int(len(frame) * share)].replace(b"\xff\xd9", b"\xff\x00")
    assert refused(make(plate, uid.JPEGLSLossless, bits=12, frame=frame)) == "truncated"


def test_a_jp2_file_inside(make, take, plate):
    wrapped = bytes(imagecodecs.jpeg2k_encode(plate, codecformat="JP2", reversible=True))
    assert not wrapped.startswith(b"\xff\x4f")
    found = take(make(plate, uid.JPEG2000Lossless, bits=12, frame=wrapped))
    assert np.array_equal(found.pixels, take(make(plate, bits=12)).pixels)


def test_fill_bytes_and_bare_markers_before_a_segment(make, take, plate):
    frame = lossless(plate)
    padded = frame[:2] + b"\xff\xff\xff" + frame[2:]
    assert read_header(padded).rows == plate.shape[0]
    found = take(make(plate, uid.JPEGLosslessSV1, bits=12, frame=padded))
    assert np.array_equal(found.pixels, take(make(plate, bits=12)).pixels)
    assert read_header(frame[:2] + b"\xff\x01" + frame[2:]).columns == plate.shape[1]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xd8", "truncated"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "truncated"),
        (b"\xff\xd8\xff\xc3\x00\x0b\x08", "truncated"),
        (b"\xff\xd8\x12\x34\x00\x10", "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x01\xff\xd9", "damaged"),
        (b"\xff\xd8\xff\xda\x00\x08\1\1\0\0\0\0\xff\xd9", "damaged"),
        (b"\xff\x4f\xff\x51\x00\x29", "truncated"),
        (b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 10, 10, 10, 0) + bytes(40) + b"\xff\xd9", "damaged"),
        (b"not a codestream at all", "damaged"),
    ],
)
def test_broken_headers(data, code):
    with pytest.raises(InputRejected) as caught:
        read_header(data)
    assert caught.value.code == code


def test_deflated_frames(make, take, refused, plate):
    def deflated(frame: bytes) -> bytes:  # pydicom does not know the syntax yet
        data = make(plate, uid.JPEGLSLossless, bits=12, frame=frame)
        return data.replace(str(uid.JPEGLSLossless).encode(), DEFLATED_FRAME)

    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    frame = packer.compress(plate.tobytes()) + packer.flush()
    assert np.array_equal(take(deflated(frame)).pixels, take(make(plate, bits=12)).pixels)
    assert refused(deflated(frame[: len(frame) // 2])) == "truncated"
    assert refused(deflated(b"\xff" * 50)) == "damaged"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\2\0\0\0", "truncated"),
        (struct.pack("<16I", 3, 64, 65, 66, *([0] * 12)) + bytes(10), "damaged"),
        (struct.pack("<16I", 2, 64, 66, *([0] * 13)) + b"\x02abc" * 2, "damaged"),
    ],
    ids=["cut", "segments", "too few pixels"],
)
def test_broken_run_lengths(make, refused, plate, frame, code):
    assert refused(make(plate, uid.RLELossless, bits=12, frame=frame)) == code


def test_fragments_that_are_none(make, refused, plate):
    data = make(plate, uid.JPEGLSLossless, bits=12)
    item = data.index(b"\xfe\xff\x00\xe0")
    assert refused(data[:item]) == "truncated"
    assert refused(data[: item + 8]) == "truncated"
    assert refused(data[:item] + b"\xfe\xff\x00\xe1" + data[item + 4 :]) == "damaged"
    native = make(plate, uid.ExplicitVRLittleEndian, bits=12)
    as_compressed = native.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    assert as_compressed != native
    assert refused(as_compressed) == "damaged"


def test_a_native_syntax_with_fragments(make, refused, plate):
    data = make(plate, uid.RLELossless, bits=12)
    assert refused(data.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0")) == "damaged"


def test_a_codestream_of_more_than_sixteen_bits(make, refused, plate):
    frame = bytearray(jpeg2000(plate))
    frame[42] = 19  # Ssiz: twenty bits
    assert refused(make(plate, uid.JPEG2000Lossless, bits=12, frame=bytes(frame))) == "unsupported_pixels"

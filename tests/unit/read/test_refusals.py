"""Files that cannot be graded are rejected with the right code, and nothing else happens."""

from __future__ import annotations

import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read import read

PIXELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)
ALL_SYNTAXES = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
]
SR = "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"PatientName,KL\nDoe^Jane,3\n", "unknown_format"),
        (b"GIF89a" + bytes(200), "unknown_format"),
        (b"PK\x03\x04" + bytes(200), "unknown_format"),
        (bytes(50), "truncated"),
        (bytes(5000), "unknown_format"),
        (bytes(128) + b"DICM", "truncated"),
        (b"\x30\x82\x10\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" + bytes(300), "encrypted"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\xff\xd8\xff\xe0", "truncated"),
        (b"BM12", "truncated"),
        (b"II*\0", "truncated"),
    ],
)
def test_what_is_no_picture(refused, data, code):
    assert refused(data) == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"Modality": "CT"}, "unsupported_modality"),
        ({"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "unsupported_modality"),
        ({"Modality": "", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "unsupported_modality"),
        ({"Modality": "US"}, "unsupported_modality"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "unsupported_pixels"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "unsupported_pixels"),
        ({"SamplesPerPixel": 4}, "unsupported_pixels"),
        ({"BitsStored": 17, "HighBit": 16}, "damaged"),
        ({"HighBit": 3}, "damaged"),
        ({"Rows": 0}, "damaged"),
        ({"Rows": 65}, "damaged"),
        ({"Rows": 60_000, "Columns": 60_000}, "too_large"),
        ({"Rows": 32, "Columns": 32}, "multi_frame"),
        ({"SOPClassUID": "1.2.840.10008.1.3.10"}, "dicomdir"),
    ],
)
def test_headers(make, refused, values, code):
    assert refused(make(PIXELS, **values)) == code


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "OT", "SC", "", "ZZ"])
def test_modalities_that_may_be_radiographs(make, take, modality):
    assert take(make(PIXELS, Modality=modality)).study.modality == modality


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_a_picture_without_a_size_is_damaged(make, refused, keyword):
    assert refused(make(PIXELS, without=(keyword,))) == "damaged"


def test_what_is_missing_but_has_one_meaning_is_let_pass(make, take):
    whole = take(make(PIXELS))
    sparse = take(make(PIXELS, without=("HighBit", "BitsStored", "SamplesPerPixel", "PixelRepresentation", "Modality")))
    assert np.array_equal(whole.pixels, sparse.pixels)


@pytest.mark.parametrize("syntax", [uid.MPEG2MPML, uid.MPEG4HP41, uid.HEVCMP51], ids=lambda syntax: syntax.keyword)
def test_video_syntaxes(make, refused, syntax):
    assert refused(make(PIXELS, syntax, frame=b"\0\0\1\xb3")) == "unsupported_syntax"


@pytest.mark.parametrize("other", [b"1.2.840.10008.1.2.4.94", b"1.2.840.99999.1.2.4.80"], ids=["JPIP", "private"])
def test_other_syntaxes(make, refused, other):
    data = make(PIXELS, uid.JPEGLSLossless).replace(str(uid.JPEGLSLossless).encode(), other)
    assert refused(data) == "unsupported_syntax"


def test_objects_without_pixels(make, write, refused):
    assert refused(make(PIXELS, without=("PixelData",))) == "no_pixels"
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = SR, "1.2.3", "SR"
    report.ContentSequence = Sequence([Dataset()])
    for syntax in (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        assert refused(write(report, syntax)) == "no_pixels"


def test_encrypted_attributes_without_pixels(make, take, refused):
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID = uid.ExplicitVRLittleEndian
    item.EncryptedContent = b"\1\2\3\4"
    encrypted = {"EncryptedAttributesSequence": Sequence([item])}
    assert refused(make(PIXELS, without=("PixelData",), **encrypted)) == "encrypted"
    take(make(PIXELS, **encrypted))  # only names are encrypted: can be graded


def test_a_directory_record_sequence_is_a_dicomdir(write, refused):
    directory = Dataset()
    directory.SOPClassUID, directory.SOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3"
    directory.DirectoryRecordSequence = Sequence([])
    assert refused(write(directory, uid.ExplicitVRLittleEndian)) == "dicomdir"


def test_float_pixels(make, write, refused):
    assert refused(make(PIXELS, without=("PixelData",), FloatPixelData=b"\0" * 64)) == "unsupported_pixels"


@pytest.mark.parametrize("syntax", ALL_SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_every_truncation_is_noticed(make, take, plate, syntax):
    """Cut at forty places and at each of the last bytes: never a picture, never another error."""
    data = make(plate, syntax, bits=12, InstitutionName="x" * 40)
    padding = 8 if uid.UID(syntax).is_encapsulated else 2  # the last delimiter, or a pad byte, may be missing
    places = {int(share * (len(data) - padding)) for share in np.linspace(0.001, 0.999, 40)}
    for place in sorted(places | {132, 140, 200, len(data) - padding - 2}):
        with pytest.raises(InputRejected) as caught:
            take(data[:place])
        assert caught.value.code in ("truncated", "damaged", "no_pixels"), (place, caught.value)
        if place < 132 or place > 700:
            assert caught.value.code in ("truncated", "damaged"), (place, caught.value)


def test_a_cut_between_header_elements_is_a_cut(make, refused):
    data = make(PIXELS)
    assert refused(data[: data.index(b"\x28\0\x10\0US")]) == "truncated"


def test_limits_come_before_decoding(make, refused):
    small = Limits(max_megapixels=1)
    big = np.zeros((1100, 1000), np.uint8)
    assert refused(make(big), small) == "too_large"
    assert refused(make(big, uid.JPEGLSLossless), small) == "too_large"
    assert refused(cv2.imencode(".png", big)[1].tobytes(), small) == "too_large"
    assert refused(bytes(1_000_001), Limits(max_file_mb=1)) == "too_large"


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.HTJ2KLossless])
def test_the_codestream_must_have_the_headers_size(make, refused, plate, syntax):
    assert refused(make(plate, syntax, bits=12, Rows=60, Columns=192)) == "damaged"
    assert refused(make(plate, syntax, bits=12, SamplesPerPixel=3, PhotometricInterpretation="RGB")) == "damaged"


def test_a_deflated_bomb(make, refused):
    data = make(PIXELS, uid.DeflatedExplicitVRLittleEndian)
    start = 132 + 12 + struct.unpack_from("<I", data, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(bytes(30_000_000)) + packer.flush()
    assert len(bomb) < 100_000
    assert refused(data[:start] + bomb, Limits(max_file_mb=5)) == "too_large"


def test_a_run_length_bomb(make, refused):
    frame = struct.pack("<16I", 2, 64, 64 + 80_000, *([0] * 13)) + b"\x81\0" * 80_000
    assert refused(make(PIXELS, uid.RLELossless, frame=frame)) == "damaged"


def test_several_frames_in_the_offset_table(make, refused):
    data = make(PIXELS, uid.JPEGLSLossless)
    one = b"\xfe\xff\x00\xe0\x04\0\0\0\0\0\0\0"
    assert one in data
    assert refused(data.replace(one, b"\xfe\xff\x00\xe0\x08\0\0\0\0\0\0\0\x10\0\0\0")) == "multi_frame"


def test_a_file_that_cannot_be_opened_is_our_failure(arrive):
    arrival = arrive(b"x")
    arrival.path.unlink()
    with pytest.raises(WorkFailed) as caught:
        read(arrival, Limits())
    assert caught.value.code == "io"
    assert arrival.name not in caught.value.detail.split()


def test_other_bytes_than_those_that_were_hashed_are_not_graded(arrive):
    arrival = arrive(b"x" * 99)
    arrival.path.write_bytes(b"y" * 99)
    with pytest.raises(WorkFailed, match="changed since it was hashed"):
        read(arrival, Limits())


@pytest.mark.parametrize("syntax", ALL_SYNTAXES, ids=lambda syntax: syntax.keyword)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=12))
def test_altered_bytes_give_a_picture_or_a_code(make, take, syntax, changes):
    """Mutations of the header, most of them: a third of the places fall anywhere in the file."""
    data = bytearray(_small(make, syntax))
    for number, (place, byte) in enumerate(changes):
        data[place % (len(data) if number % 3 == 0 else min(900, len(data)))] = byte
    with contextlib.suppress(InputRejected):
        take(bytes(data), Limits(max_megapixels=1))


def _small(make, syntax):
    return make(
        PIXELS[:32, :48] >> 4 << 4,
        syntax,
        bits=12,
        WindowCenter=[2000, 100],
        WindowWidth=[4000, 50],
        PixelSpacing=["0.1", "0.1"],
        PatientOrientation=["L", "F"],
        RescaleSlope="1",
        RescaleIntercept="0",
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PixelPaddingValue=0,
    )


@pytest.mark.parametrize(
    "head", [b"", bytes(128) + b"DICM", b"\x02\0\0\0UL\4\0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM"]
)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(min_size=1, max_size=300))
def test_any_bytes_are_refused_with_a_code(refused, head, tail):
    assert refused(head + tail)

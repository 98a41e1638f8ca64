"""The kind of a received object is read from its first bytes, also if they inflate to much more."""

import tracemalloc
import zlib

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import DeflatedExplicitVRLittleEndian, DigitalXRayImageStorageForPresentation

from koa_worker.receive.header import HEAD_BYTES, look


def deflated(tail: bytes) -> bytes:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3"
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    pydicom.filewriter.write_dataset(stream, header)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(stream.getvalue() + tail) + deflater.flush()


def test_a_deflated_header_is_not_inflated_beyond_its_first_bytes() -> None:
    """The first 256 kB of a bomb would be 250 MB; what a process frees again is not seen once it is over."""
    private = b"\x09\x00\x10\x10OB\0\0" + (60 << 20).to_bytes(4, "little")
    bomb = deflated(private + bytes(60 << 20))
    tracemalloc.start()
    try:
        said = look(bomb, DeflatedExplicitVRLittleEndian)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said is not None
    assert said.sop_uid == "1.2.3"
    assert most < 16 * HEAD_BYTES

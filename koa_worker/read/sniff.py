"""Recognises the format of a file by its content; its name is never used."""

from __future__ import annotations

import struct
from typing import Literal

from koa_worker.errors import InputRejected

Format = Literal["DICOM", "PNG", "JPEG", "TIFF", "BMP"]

PREAMBLE = 132  # 128 free bytes and "DICM": PS3.10 7.1

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)
# Cryptographic Message Syntax, which wraps a whole file in DICOM's secure media profiles (PS3.15 annex D):
# an ASN.1 SEQUENCE that opens with an object identifier under 1.2.840.113549.1.7.
_CMS = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OW PN SH SL SQ SS ST TM UI UL UN US UT".split())


def format_of(data: bytes) -> Format:
    """The format of the bytes; raises InputRejected for an unsupported one."""
    if not data:
        raise InputRejected("empty_file")
    if has_preamble(data):
        return "DICOM"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[0] == 0x30 and _CMS in data[:24]:
        raise InputRejected("encrypted", "the whole file is a CMS envelope")
    if _opens_like_dicom(data):
        return "DICOM"
    if len(data) < PREAMBLE and not any(data):
        raise InputRejected("truncated", "only the start of a DICOM preamble")
    raise InputRejected("unknown_format")


def has_preamble(data: bytes) -> bool:
    return data[PREAMBLE - 4 : PREAMBLE] == b"DICM"


def _opens_like_dicom(data: bytes) -> bool:
    """Whether a data set starts without the preamble that PS3.10 7.1 requires, as in old archives."""
    if len(data) < 8:
        return False
    for order in "<>":
        group, element, vr, _ = struct.unpack_from(f"{order}HH2sH", data)
        if group not in (0x0002, 0x0008) or element > 0x0100:
            continue
        if vr in _VRS:
            return True
        (length,) = struct.unpack_from(f"{order}I", data, 4)
        if order == "<" and length <= 1024:
            return True
    return False

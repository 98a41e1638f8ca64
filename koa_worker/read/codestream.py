"""Reads the headers of compressed images (JPEG, JPEG-LS, JPEG 2000): the size and format that a decoder would give."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from koa_worker.errors import InputRejected

Kind = Literal["jpeg", "jpegls", "jpeg2000"]

_JPEG2000_START = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"  # EOI and EOC are the same two bytes
_END_WITHIN = 4096  # bytes of padding or garbage that some encoders write after the end marker
_FRAMES = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}  # SOFn, without DHT, JPG, DAC
_BARE = frozenset((0x01, 0xFF, *range(0xD0, 0xD9)))  # markers without a length
_EXIF = b"Exif\0\0"
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a codestream."""

    kind: Kind
    start: int  # offset of the codestream in the given data
    rows: int
    columns: int
    samples: int
    bits: int
    lossless: bool = False  # JPEG only
    colours_named: bool = False  # JPEG only: a JFIF or Adobe segment says which colour space it is


def read_header(data: bytes) -> Header:
    """The header of a JPEG-family codestream, which must have an end."""
    header = _jpeg(data)[0] if data.startswith(b"\xff\xd8") else _jpeg2000(data)
    if not _has_end(data):
        raise InputRejected("truncated", "the compressed image has no end marker")
    return header


def read_jpeg(data: bytes) -> tuple[Header, bytes, bool]:
    """A JPEG file's header, its EXIF segment, and whether it has an end."""
    header, exif = _jpeg(data)
    return header, exif, _has_end(data)


def _has_end(data: bytes) -> bool:
    return data.rfind(_END, max(0, len(data) - _END_WITHIN)) >= 0


def _jpeg(data: bytes) -> tuple[Header, bytes]:
    """ITU-T T.81 annex B, T.87 annex C."""
    position, colours_named, exif = 2, False, b""
    while True:
        marker, length = _segment(data, position)
        if marker in _BARE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            break
        if marker in (0xDA, 0xD9):
            raise InputRejected("damaged", "the compressed image has no frame header")
        body = data[position + 4 : position + 9]
        if marker == 0xE1 and data.startswith(_EXIF, position + 4):
            exif = data[position + 4 + len(_EXIF) : position + 2 + length]
        colours_named |= (marker == 0xE0 and body == b"JFIF\0") or (marker == 0xEE and body == b"Adobe")
        position += 2 + length
    try:
        bits, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 4)
    except struct.error as fault:
        raise InputRejected("truncated", "within the header of the compressed image") from fault
    kind: Kind = "jpegls" if marker == 0xF7 else "jpeg"
    return Header(kind, 0, rows, columns, samples, bits, marker in _LOSSLESS, colours_named), exif


def _segment(data: bytes, position: int) -> tuple[int, int]:
    if position + 4 > len(data):
        raise InputRejected("truncated", "within the header of the compressed image")
    lead, marker, length = struct.unpack_from(">BBH", data, position)
    if lead != 0xFF or (marker not in _BARE and length < 2):
        raise InputRejected("damaged", "the header of the compressed image")
    return marker, length


def _jpeg2000(data: bytes) -> Header:
    """ITU-T T.800 A.5.1. Some writers wrap the codestream in a JP2 file, against PS3.5 A.4.4."""
    start = data.find(_JPEG2000_START, 0, 4096)
    if start < 0:
        raise InputRejected("damaged", "the compressed image is of an unknown kind")
    try:
        right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
        samples, depth = struct.unpack_from(">HB", data, start + 40)
    except struct.error as fault:
        raise InputRejected("truncated", "within the header of the compressed image") from fault
    if right <= left or bottom <= top:
        raise InputRejected("damaged", "the size of the compressed image")
    return Header("jpeg2000", start, bottom - top, right - left, samples, (depth & 0x7F) + 1)

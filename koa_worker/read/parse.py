"""Parses the bytes of a DICOM file: its header, its transfer syntax and the position of its pixel data."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from koa_worker.errors import InputRejected
from koa_worker.read.header import elements
from koa_worker.read.sniff import PREAMBLE, has_preamble

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
_FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_SEQUENCE_END = (b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xff\xfe\xe0\xdd\0\0\0\0")


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The pixel data element before decoding: a view of the file's bytes, not a copy."""

    tag: int
    vr: str
    encapsulated: bool
    value: memoryview  # shorter than declared if the file was cut
    declared: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed DICOM file."""

    dataset: Dataset
    syntax: str
    pixels: PixelElement | None
    cut: bool  # the bytes end within an element of the header


def parse(data: bytes, most_bytes: int) -> Parsed:
    """Parses everything before the pixel data. `most_bytes` limits the inflated size of a deflated file."""
    meta, start = _file_meta(data)
    syntax = elements.text(meta, "TransferSyntaxUID") or _guess_syntax(data, start)
    if syntax == DeflatedExplicitVRLittleEndian:
        data, start = _inflate(data[start:], most_bytes), 0
    watch = _Watch(data)
    dataset = _read(start, syntax, watch)
    dataset.update(meta)
    return Parsed(dataset, syntax, watch.pixels, watch.cut())


class _Watch:
    """Watches each top-level element before pydicom reads it, because pydicom accepts truncated values silently."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stream = BytesIO(data)
        self.pixels: PixelElement | None = None
        self._overrun = False
        self._end: int | None = None

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        start = self.stream.tell()
        if tag == PIXEL_DATA or tag in _FLOAT_PIXELS:
            end = len(self.data) if length == UNDEFINED else start + length
            self.pixels = PixelElement(
                int(tag), vr or "OW", length == UNDEFINED, memoryview(self.data)[start:end], length
            )
            return True
        self._end = None if length == UNDEFINED else start + length
        self._overrun = self._end is not None and self._end > len(self.data)
        return self._overrun

    def cut(self) -> bool:
        """Whether the data end within the header."""
        if self.pixels is not None:
            return False
        if self._end is None:  # the last element is a sequence that should be closed by its delimiter
            return not self.data.endswith(_SEQUENCE_END)
        return self._overrun or len(self.data) != self._end


def _file_meta(data: bytes) -> tuple[Dataset, int]:
    """Group 0002, always explicit little endian (PS3.10 7.1), and where the data set behind it starts."""
    start = PREAMBLE if has_preamble(data) else 0
    stream = BytesIO(data)
    stream.seek(start)
    if struct.unpack("<H", data[start : start + 2].ljust(2, b"\0")) != (2,):
        return Dataset(), start
    meta = _guarded(lambda: read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2))
    return meta, stream.tell()


def _guess_syntax(data: bytes, start: int) -> str:
    """The transfer syntax of a file that does not name it, from the form of its first element."""
    first = data[start : start + 8]
    if len(first) < 8:
        raise InputRejected("truncated", "no data after the file meta information")
    if not (first[4:6].isalpha() and first[4:6].isupper()):
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian) if first[0] else str(ExplicitVRBigEndian)


def _read(start: int, syntax: str, watch: _Watch) -> Dataset:
    if start >= len(watch.data):
        raise InputRejected("truncated", "no data after the file meta information")
    watch.stream.seek(start)
    implicit, little_endian = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    return _guarded(lambda: read_dataset(watch.stream, implicit, little_endian, stop_when=watch))


def _guarded(read: Callable[[], Dataset]) -> Dataset:
    try:
        return read()
    except MemoryError:
        raise
    # Whatever pydicom raises for a corrupt header, the file is the cause.
    except Exception as fault:
        raise InputRejected("damaged", f"unreadable header: {type(fault).__name__}") from fault


def _inflate(deflated: bytes, most_bytes: int) -> bytes:
    """Inflates a deflated data set (PS3.5 A.5) up to a limit: a few kilobytes can inflate to gigabytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(deflated, most_bytes)
    except zlib.error as fault:
        raise InputRejected("damaged", "the deflated data set cannot be inflated") from fault
    if inflater.unconsumed_tail:
        raise InputRejected("too_large", "the inflated data set exceeds the file size limit")
    if not inflater.eof:
        raise InputRejected("truncated", "the deflated data set")
    return data

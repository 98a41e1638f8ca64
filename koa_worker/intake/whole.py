"""Decides whether a file is complete, from its structure and without reading its contents.

A file is incomplete only if it certainly ends too early. A file with an invalid structure counts as complete, and the
reader rejects it.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_IMPLICIT = b"1.2.840.10008.1.2"
_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_PNG = b"\x89PNG\r\n\x1a\n"
# A radiograph has some hundred elements; a hostile file may have millions of empty ones.
_MOST_ELEMENTS = 50_000
_MOST_CHUNKS = 20_000  # of a PNG, which has up to some thousand
_MOST_INFLATED = 64 << 20  # a sixth of a second: the dispatcher's loop waits for this


class _CutError(Exception):
    """The file ends inside an element."""


class _SenselessError(Exception):
    """The structure of the file is invalid."""


def is_whole(path: Path) -> bool:
    """False for a DICOM or PNG file that ends within its image; true for all other formats.

    It is also true if the check would take too long; the reader then finds the missing part.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # opening a pipe must not wait
    with os.fdopen(descriptor, "rb") as stream:
        head = stream.read(132)
        try:
            if head[128:] == b"DICM":
                _walk_dicom(stream)
            elif head.startswith(_PNG):
                _walk_png(stream)
        except _CutError:
            return False
        except _SenselessError:
            return True
    return True


class _Walker:
    """Steps over DICOM elements (PS3.5 7.1) and reads only their lengths."""

    def __init__(self, stream: BinaryIO, *, explicit: bool, order: str) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size
        self._explicit = explicit
        self._tag, self._long = struct.Struct(f"{order}HH4x").unpack, struct.Struct(f"{order}I").unpack_from
        self._short = struct.Struct(f"{order}H").unpack_from
        self._left = _MOST_ELEMENTS
        self._has_picture = False

    def run(self) -> None:
        """Steps to the end of the file. Undefined lengths nest; counting their ends needs no recursion.

        The image is the last element (PS3.3 C.7.6.3): a file without it may have been cut between two elements.
        """
        depth = 0
        while depth or self._stream.tell() < self._size:
            depth += self._step()
            if depth < 0:
                raise _SenselessError
        if not self._has_picture:
            raise _CutError

    def _step(self) -> int:
        """Steps over one element or delimiter, and gives the change of the nesting depth."""
        self._left -= 1
        if not self._left:
            raise _SenselessError
        head = self.read(8)
        tag = self._tag(head)
        if tag[0] == 0xFFFE:
            (length,) = self._long(head, 4)
            if tag == _ITEM:
                return 1 if length == _UNDEFINED else self.skip(length)
            if tag in (_ITEM_END, _SEQUENCE_END):
                return -1
            raise _SenselessError
        self._has_picture |= tag[0] == 0x7FE0
        length = self._length(head)
        return 1 if length == _UNDEFINED else self.skip(length)

    def _length(self, head: bytes) -> int:
        if not self._explicit:
            return int(self._long(head, 4)[0])
        kind = head[4:6]
        if not (kind.isalpha() and kind.isupper()):
            raise _SenselessError
        return int(self._long(self.read(4))[0] if kind in _LONG else self._short(head, 6)[0])

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise _CutError
        return data

    def skip(self, length: int) -> int:
        end = self._stream.tell() + length
        if end > self._size:
            raise _CutError
        self._stream.seek(end)
        return 0


def _walk_dicom(stream: BinaryIO) -> None:
    syntax = _read_syntax(stream)
    if syntax == _DEFLATED:
        _inflate(stream)
    else:
        _Walker(stream, explicit=syntax != _IMPLICIT, order=">" if syntax == _BIG_ENDIAN else "<").run()


def _read_syntax(stream: BinaryIO) -> bytes:
    """The transfer syntax from the file meta group, which is explicit and little endian (PS3.10 7.1)."""
    meta = _Walker(stream, explicit=True, order="<")
    if meta.read(8) != b"\x02\x00\x00\x00UL\x04\x00":
        raise _SenselessError
    group = meta.read(int.from_bytes(meta.read(4), "little") % (1 << 20))
    _, found, rest = group.partition(b"\x02\x00\x10\x00UI")
    if not found or len(rest) < 2:
        raise _SenselessError
    return rest[2 : 2 + int.from_bytes(rest[:2], "little")].rstrip(b"\0 ")


def _inflate(stream: BinaryIO) -> None:
    """A deflated data set marks its own end (PS3.5 A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    room = _MOST_INFLATED
    try:
        while not inflater.eof and room > 0:
            data = inflater.unconsumed_tail or stream.read(1 << 16)
            if not data:
                raise _CutError
            room -= len(inflater.decompress(data, 1 << 20))
    except zlib.error as fault:
        raise _SenselessError from fault


def _walk_png(stream: BinaryIO) -> None:
    """Steps over the chunks of a PNG file to IEND."""
    size = os.fstat(stream.fileno()).st_size
    stream.seek(len(_PNG))
    for _ in range(_MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8:
            raise _CutError
        kind = head[4:]
        if not kind.isalpha():
            raise _SenselessError
        end = stream.tell() + int.from_bytes(head[:4], "big") + 4
        if end > size:
            raise _CutError
        if kind == b"IEND":
            return
        stream.seek(end)

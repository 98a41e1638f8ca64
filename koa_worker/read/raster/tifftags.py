"""Reads the tags of a TIFF directory, in TIFF files and in the EXIF segments of other images."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from koa_worker.errors import InputRejected

WIDTH, HEIGHT, BITS, PHOTOMETRIC = 256, 257, 258, 262
ORIENTATION, SAMPLES = 274, 277
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325

# Only the integer types; no tag that is needed here has another.
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_VALUES = 1_000_000


@dataclass(frozen=True, slots=True)
class Directory:
    """The first directory's integer tags, and whether another one follows."""

    tags: dict[int, tuple[int, ...]]
    followed: bool

    def first(self, tag: int, default: int = 0) -> int:
        found = self.tags.get(tag)
        return found[0] if found else default


def read_directory(data: bytes) -> Directory:
    """The first directory of TIFF data, classic or BigTIFF."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        big = struct.unpack_from(f"{order}H", data, 2) == (43,)
        (start,) = struct.unpack_from(f"{order}Q", data, 8) if big else struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)
        entry, head = (20, 8) if big else (12, 2)
        end = start + head + count * entry
        (following,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, end)
        tags = dict(_entry(data, order, start + head + index * entry, big=big) for index in range(count))
    except struct.error as fault:
        raise InputRejected("truncated", "within the TIFF directory") from fault
    return Directory({tag: values for tag, values in tags.items() if values}, following != 0)


def orientation(exif: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is no valid one."""
    try:
        found = read_directory(exif).first(ORIENTATION, 1)
    except InputRejected:  # a corrupt EXIF segment in a valid image
        return 1
    return found if 1 <= found <= 8 else 1


def _entry(data: bytes, order: str, position: int, *, big: bool) -> tuple[int, tuple[int, ...]]:
    tag, kind = struct.unpack_from(f"{order}HH", data, position)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, position + 4)
    field, room = (position + 12, 8) if big else (position + 8, 4)
    code = _TYPES.get(kind)
    if code is None or count > _MOST_VALUES:
        return tag, ()
    if struct.calcsize(f"{order}{count}{code}") > room:
        (field,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, field)
    return tag, struct.unpack_from(f"{order}{count}{code}", data, field)

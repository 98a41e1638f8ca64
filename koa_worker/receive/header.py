"""Reads the first bytes of a received object; a length that goes beyond them is not trusted."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO

from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from koa_worker.system.own_objects import LOOKED_AT, is_own

HEAD_BYTES = 1 << 18  # enough for the manufacturer in nearly all headers; a large private value before it is rare
_CONTRIBUTING_EQUIPMENT = 0x0018A001  # the last element that is read
_TAGS: list[BaseTag | int] = [Tag(keyword) for keyword in ("SOPClassUID", "SOPInstanceUID", *LOOKED_AT)]


@dataclass(frozen=True, slots=True)
class Said:
    """Class and instance of an object, and whether this program made it."""

    sop_class: str
    sop_uid: str
    own: bool


def look(head: bytes, syntax: str) -> Said | None:
    """The header; None if the bytes are not a data set."""
    try:
        if syntax == DeflatedExplicitVRLittleEndian:
            head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
        found = read_dataset(
            BytesIO(head),
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=_is_beyond,
            specific_tags=_TAGS,
        )
        return Said(str(found.SOPClassUID), str(found.SOPInstanceUID), is_own(found))
    # Garbage can make the reader raise anything.
    except Exception:  # noqa: BLE001
        return None


def _is_beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _CONTRIBUTING_EQUIPMENT

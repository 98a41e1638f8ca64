"""Tells from a file's own header whether it is of a patient, a study or an accession number."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from koa_worker.errors import InputRejected
from koa_worker.read.dicom import identify
from koa_worker.read.sniff import format_of
from koa_worker.store import Whose

_HEADER_BYTES = 1_000_000  # pixels come last, and a header rarely has a tenth of this
# Where a damaged header says it: tag and value representation.
_PATIENT_ID, _ACCESSION, _STUDY_UID = (0x0010, 0x0020, b"LO"), (0x0008, 0x0050, b"SH"), (0x0020, 0x000D, b"UI")


@dataclass(frozen=True, slots=True)
class Match:
    """What a header says of a file that is looked for."""

    issuer: str | None  # of the patient id; None if the header is too damaged to tell


def match(path: Path, whose: Whose) -> Match | None:
    """None if the file says that it is not, says nothing, or is not there any more."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            data = stream.read(_HEADER_BYTES)
    except OSError:
        return None
    try:
        if format_of(data) != "DICOM":
            return None
        study, patient = identify(data, "0" * 64)
    except InputRejected:
        return Match(None) if _holds(data, whose) else None
    wanted = ((whose.patient_id, patient.id), (whose.issuer, patient.issuer), (whose.accession, study.accession))
    said = (*wanted, (whose.study, study.study_uid))
    return Match(patient.issuer) if all(one is None or one == other for one, other in said) else None


def _holds(data: bytes, whose: Whose) -> bool:
    """Whether bytes that cannot be parsed have such an element somewhere, in one of the two usual encodings.

    The issuer is not asked for: what cannot be read is rather erased than left.
    """
    wanted = ((_PATIENT_ID, whose.patient_id), (_ACCESSION, whose.accession), (_STUDY_UID, whose.study))
    named = [(tag, value) for tag, value in wanted if value]
    return bool(named) and all(any(form in data for form in _forms(*tag, value)) for tag, value in named)


def _forms(group: int, element: int, vr: bytes, value: str) -> tuple[bytes, bytes]:
    raw = value.encode("utf-8", "surrogateescape")
    raw += (b"\0" if vr == b"UI" else b" ") * (len(raw) % 2)
    tag = struct.pack("<HH", group, element)
    return tag + vr + struct.pack("<H", len(raw)) + raw, tag + struct.pack("<I", len(raw)) + raw

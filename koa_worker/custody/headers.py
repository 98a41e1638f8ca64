"""Decides from a file's own header whether it belongs to a patient, a study or an accession number."""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from koa_worker.errors import InputRejected
from koa_worker.read.dicom import identify
from koa_worker.read.header.identity import derived_uid
from koa_worker.read.sniff import format_of
from koa_worker.read.whole_file import HEADER_BYTES
from koa_worker.store.records.belongings import Whose
from koa_worker.values import Patient, Study

_NO_HASH = "0" * 64
_NO_UID = derived_uid(_NO_HASH, 0)  # the UID that is derived for a header without one
# Tag and value representation of the elements to search in a damaged header.
_PATIENT_ID, _ACCESSION, _STUDY_UID = (0x0010, 0x0020, b"LO"), (0x0008, 0x0050, b"SH"), (0x0020, 0x000D, b"UI")


@dataclass(frozen=True, slots=True)
class Match:
    """A header that names the patient, study or accession number that is searched for."""

    issuer: str | None  # of the patient id; None if the header is too damaged to tell


def match(path: Path, whose: Whose) -> Match | None:
    """The match; None if the header names another one, names none, or if the file no longer exists."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            data = stream.read(HEADER_BYTES)
    except OSError:
        return None
    study, patient = _parsed(data)
    said = (
        (_PATIENT_ID, whose.patient_id, patient.id),
        (_ACCESSION, whose.accession, study.accession),
        (_STUDY_UID, whose.study, study.study_uid),
    )
    if not all(wanted in (None, one) or (not one and _holds(data, *tag, wanted or "")) for tag, wanted, one in said):
        return None
    if not patient.id:  # if the issuer cannot be read, it is ignored: it is better to erase too much than too little
        return Match(None)
    return Match(patient.issuer) if whose.issuer in (None, patient.issuer) else None


def _parsed(data: bytes) -> tuple[Study, Patient]:
    """The header; None if the file has none, or if it is too damaged."""
    with contextlib.suppress(InputRejected):
        if format_of(data) == "DICOM":
            study, patient = identify(data, _NO_HASH)
            return (study if study.study_uid != _NO_UID else replace(study, study_uid="")), patient
    return Study("", ""), Patient()


def _holds(data: bytes, group: int, element: int, vr: bytes, value: str) -> bool:
    """Whether the bytes contain this element, in one of the two usual encodings."""
    return bool(value) and any(form in data for form in _forms(group, element, vr, value))


def _forms(group: int, element: int, vr: bytes, value: str) -> tuple[bytes, bytes]:
    raw = value.encode("utf-8", "surrogateescape")
    raw += (b"\0" if vr == b"UI" else b" ") * (len(raw) % 2)
    tag = struct.pack("<HH", group, element)
    return tag + vr + struct.pack("<H", len(raw)) + raw, tag + struct.pack("<I", len(raw)) + raw

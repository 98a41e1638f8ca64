"""Studies and their patients: found by UID, created by the first file, and corrected only as `headers.py` says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from koa_worker.errors import UnknownRecord
from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import StudyRow
from koa_worker.store.worklist_index import relist_study
from koa_worker.values import Patient, Study, new_id


def get_study(session: Session, key: str) -> StudyRow:
    study = session.get(StudyRow, key)
    if study is None:
        raise UnknownRecord("unknown_record", f"study {key}")
    return study


def change_study(
    session: Session, study: Study, patient: Patient | None, at: datetime, *, is_new: bool = False
) -> tuple[StudyRow, bool]:
    """The row of the study of a file, and whether the file names a different patient. `is_new`: it is known to be.

    Keep a reference to the row as long as it is needed: the session forgets rows without a reference and loads them
    again.

    Attributes that the study lacks are taken from the file. Existing ones are kept, so that one wrong file cannot put
    another patient's name over earlier results.
    """
    said = said_of(study, patient or Patient())
    of_uid = select(StudyRow).where(StudyRow.study_uid == storable(study.study_uid))
    row = None if is_new else session.scalars(of_uid).first()
    if row is None:
        counts = {"changes": 1, "reported_changes": 0, "expected_images": study.expected_images}
        counts["unreported_since"] = None  # explicit, so that it need not be read again
        row = StudyRow(key=new_id(), study_uid=study.study_uid, created_at=at, changed_at=at, **counts, **said)
        session.add(row)
        session.flush()  # before the files and images that refer to it
        return row, False
    row.changes += 1
    row.changed_at = at
    row.expected_images = max(row.expected_images or 0, study.expected_images or 0) or None
    differs = says_another(said, row)
    if not differs:
        news = {name: value for name, value in said.items() if value and not getattr(row, name)}
        for name, value in news.items():
            setattr(row, name, value)
        if news:
            relist_study(session, row)
    return row, differs


WHO = ("patient_name", "patient_id", "patient_issuer", "patient_birth_date", "patient_sex")
ABOUT = ("accession", "description", "institution", "date")


def says_another(said: Mapping[str, Any], study: StudyRow) -> bool:
    """Whether a header names another patient than the study; an empty value names nobody."""
    return any(said[name] and getattr(study, name) and said[name] != getattr(study, name) for name in WHO)


def said_of(study: Study, patient: Patient) -> dict[str, Any]:
    """Patient and study of a header in the form for the store."""
    return {
        "patient_name": storable(patient.name),
        "patient_id": storable(patient.id),
        "patient_issuer": storable(patient.issuer),
        "patient_birth_date": patient.birth_date,
        "patient_sex": storable(patient.sex),
        "accession": storable(study.accession),
        "description": storable(study.description),
        "institution": storable(study.institution),
        "date": study.date,
    }

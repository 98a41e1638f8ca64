"""Studies and their patients: found by UID, created by the first file, never overwritten by a later file."""

from __future__ import annotations

from datetime import datetime

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


def change_study(session: Session, study: Study, patient: Patient | None, at: datetime) -> tuple[StudyRow, bool]:
    """The row of the study of a file, and whether the file names a different patient.

    Keep a reference to the row as long as it is needed: the session forgets rows without a reference and loads them
    again.

    Attributes that the study lacks are taken from the file. Existing ones are kept, so that one wrong file cannot put
    another patient's name over earlier results.
    """
    said = _said(study, patient or Patient())
    row = session.scalars(select(StudyRow).where(StudyRow.study_uid == storable(study.study_uid))).first()
    if row is None:
        row = StudyRow(key=new_id(), study_uid=study.study_uid, changes=1, reported_changes=0, created_at=at, **said)
        session.add(row)
        session.flush()  # before the files and images that refer to it
        return row, False
    row.changes += 1
    differs = any(said[name] and getattr(row, name) and said[name] != getattr(row, name) for name in _WHO)
    if not differs:
        news = {name: value for name, value in said.items() if value and not getattr(row, name)}
        for name, value in news.items():
            setattr(row, name, value)
        if news:
            relist_study(session, row)
    return row, differs


_WHO = ("patient_name", "patient_id", "patient_issuer", "patient_birth_date", "patient_sex")


def _said(study: Study, patient: Patient) -> dict[str, object]:
    return {
        "patient_name": storable(patient.name),
        "patient_id": storable(patient.id),
        "patient_issuer": storable(patient.issuer),
        "patient_birth_date": patient.birth_date,
        "patient_sex": storable(patient.sex),
        "accession": study.accession,
        "description": study.description,
        "institution": study.institution,
        "date": study.date,
    }

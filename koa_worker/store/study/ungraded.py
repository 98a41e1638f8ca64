"""Rejected files that are about a knee: their study is reported and sent even if it has no grade at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import EventRow, FileRow, table_of
from koa_worker.store.journal import PATIENT_DIFFERS, record_event
from koa_worker.store.records.files import State
from koa_worker.store.records.studies import UngradedRecord
from koa_worker.values import GradedBy, Side, Ungraded

_KNEE_NOT_GRADED = (
    "knee_not_graded"  # of a rejected file; the detail is the release that tried, and the sides that the header names
)

_events, _files = table_of(EventRow), table_of(FileRow)
_OF_STUDY = (
    select(_events.c.file_id, _events.c.kind, _events.c.detail, _files.c.software_version, _files.c.settled_at)
    .join(_files, _files.c.id == _events.c.file_id)
    .where(
        _files.c.study_key == bindparam("study_key"),
        _files.c.state == State.REJECTED,
        _events.c.kind.in_((_KNEE_NOT_GRADED, PATIENT_DIFFERS)),
    )
    .order_by(_events.c.id)
)


def keep_ungraded(session: Session, file_id: str, ungraded: Ungraded, at: datetime) -> None:
    by = ungraded.looked
    record_event(session, file_id, _KNEE_NOT_GRADED, at, " ".join((by.model, by.digest, *ungraded.named)))


def any_ungraded(study_key: Any) -> ColumnElement[bool]:
    """Whether a study has a rejected file that is about a knee."""
    file, said = _files.alias(), _events.alias()
    return exists().where(
        file.c.study_key == study_key,
        file.c.state == State.REJECTED,
        said.c.file_id == file.c.id,
        said.c.kind == _KNEE_NOT_GRADED,
    )


def ungraded_of(session: Session, study_key: str) -> Mapping[str, UngradedRecord]:
    """The last rejection of each rejected file of a study that is about a knee, by the file's id."""
    said: dict[str, dict[str, Any]] = {}
    for row in session.connection().execute(_OF_STUDY, {"study_key": study_key}):
        said.setdefault(row.file_id, {"version": row.software_version, "at": row.settled_at})[row.kind] = row.detail
    return {file_id: _record(one) for file_id, one in said.items() if _KNEE_NOT_GRADED in one}


def _record(said: Mapping[str, Any]) -> UngradedRecord:
    model, digest, *named = said[_KNEE_NOT_GRADED].split(" ")
    return UngradedRecord(
        named=tuple(map(Side, named)),
        looked=GradedBy(model, digest, said["version"] or ""),
        at=said["at"],
        patient_differs=PATIENT_DIFFERS in said,
    )

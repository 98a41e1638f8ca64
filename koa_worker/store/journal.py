"""The history of a file: its events with their times."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, literal, select
from sqlalchemy.orm import Session

from koa_worker.store.database.schema import EventRow, FileRow, table_of
from koa_worker.store.records.files import EventRecord

SHOWS_IMAGE = "shows_image"  # of a rejected file; the detail is the image's SOP Instance UID
PATIENT_DIFFERS = "patient_differs"  # the file names another patient than its study

_events, _files = table_of(EventRow), table_of(FileRow)
_NOTE = insert(_events)
_NOTE_OF_STUDY = insert(_events).from_select(
    ["file_id", "at", "kind", "detail"],
    select(
        _files.c.id,
        bindparam("at", type_=_events.c.at.type),
        literal("reported"),
        bindparam("detail", type_=_events.c.detail.type),
    ).where(_files.c.study_key == bindparam("study_key")),
)
_OF_FILE = select(_events).where(_events.c.file_id == bindparam("of_file")).order_by(_events.c.id)


def record_event(session: Session, file_id: str, kind: str, at: datetime, detail: str = "") -> None:
    """Adds an event of a file that the database has; `detail` names codes, workers, other files, never a patient."""
    record_events(session, file_id, at, (kind, detail))


def record_events(session: Session, file_id: str, at: datetime, *events: tuple[str, str]) -> None:
    """Adds several events of one moment, each with its kind and detail."""
    rows = [{"file_id": file_id, "at": at, "kind": kind, "detail": detail} for kind, detail in events]
    session.connection().execute(_NOTE, rows)


def record_reported(session: Session, study_key: str, at: datetime, revision: int) -> None:
    """Adds the event "reported" to each file of a study."""
    words = {"study_key": study_key, "at": at, "detail": f"revision {revision}"}
    session.connection().execute(_NOTE_OF_STUDY, words)


def list_events(session: Session, file_id: str) -> tuple[EventRecord, ...]:
    """The events in the order in which they were recorded, whatever the clock said."""
    rows = session.connection().execute(_OF_FILE, {"of_file": file_id})
    return tuple(EventRecord(row.at, row.kind, row.detail) for row in rows)

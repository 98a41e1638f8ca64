"""The events of a file: what happened to it and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from koa_worker.store.records import EventRecord
from koa_worker.store.schema import Event


def record_event(session: Session, file_id: str, kind: str, at: datetime, detail: str = "") -> None:
    """Adds an event; `detail` names codes, workers, other files, never a patient."""
    session.add(Event(file_id=file_id, at=at, kind=kind, detail=detail))


def list_events(session: Session, file_id: str) -> tuple[EventRecord, ...]:
    """In the order in which they happened, whatever the clock said."""
    rows = session.scalars(select(Event).where(Event.file_id == file_id).order_by(Event.id))
    return tuple(EventRecord(row.at, row.kind, row.detail) for row in rows)

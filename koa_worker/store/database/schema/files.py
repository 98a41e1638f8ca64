"""Files that arrived, and their history."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import RowId, SaidByFile, one_of
from koa_worker.store.database.schema.base import Base
from koa_worker.store.records.files import State


class FileRow(Base):
    """Every file that ever arrived, with one row for each arrival."""

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "state", "arrived_at"),
        Index(None, "state", "next_try_at"),
        Index(None, "state", "code"),
        Index(None, "state", "settled_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(SaidByFile)  # may name the patient: never logged, never exported
    state: Mapped[State] = mapped_column(one_of(State, "state"))
    code: Mapped[str | None]
    detail: Mapped[str | None] = mapped_column(SaidByFile)
    starts: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)  # failed starts since the file arrived or was put back
    next_try_at: Mapped[dt.datetime | None]  # time of the retry of a failed file; without one it is parked
    worker: Mapped[str | None]
    software_version: Mapped[str | None]  # version of the program that settled it
    arrived_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    settled_at: Mapped[dt.datetime | None]
    filed_as: Mapped[str | None]
    duplicate_of: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    study_key: Mapped[str | None] = mapped_column(ForeignKey("studies.key"), index=True)


class EventRow(Base):
    """An event in the history of a file; a row is never changed."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), index=True)
    at: Mapped[dt.datetime] = mapped_column(index=True)
    kind: Mapped[str]
    detail: Mapped[str] = mapped_column(SaidByFile)


class TimingRow(Base):
    """Milliseconds that a stage took for a file."""

    __tablename__ = "timings"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    ms: Mapped[float]

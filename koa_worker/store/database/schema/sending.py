"""Reports, the objects that are made of them, and their destinations."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import RowId, one_of
from koa_worker.store.database.schema.base import Base
from koa_worker.store.records.sending import ParcelState


class ReportRow(Base):
    """A revision of a study's report: its number is taken first, the rest is added when it is written."""

    __tablename__ = "reports"

    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    shows_changes: Mapped[int]  # the number of the study's changes that it shows at least
    path: Mapped[str | None]
    sha256: Mapped[str | None]
    written_at: Mapped[dt.datetime | None] = mapped_column(index=True)


class DestinationRow(Base):
    """A PACS that results are sent to, and since when: earlier results are sent only on request."""

    __tablename__ = "destinations"

    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[dt.datetime]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # number of failed tries in a row
    next_try_at: Mapped[dt.datetime | None]  # no object is sent there before this time
    detail: Mapped[str] = mapped_column(default="", server_default="")  # why the last try failed


class PublicationRow(Base):
    """The last revision of a study's report that was made into objects to be sent."""

    __tablename__ = "publications"

    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), primary_key=True)
    revision: Mapped[int]  # 0: none yet, or it is to be done again
    asked: Mapped[bool]  # a person requested it: for every destination, whatever the age
    at: Mapped[dt.datetime]


class ResultObjectRow(Base):
    """A result object that was made, and the one that it replaces; a later revision finds its predecessor here."""

    __tablename__ = "result_objects"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), index=True)
    kind: Mapped[str]
    subject: Mapped[str]  # the id of the image's file; empty for the report
    sop_class_uid: Mapped[str]
    sop_uid: Mapped[str] = mapped_column(unique=True)
    series_uid: Mapped[str]
    replaces: Mapped[str | None]  # SOP Instance UID


class ParcelRow(Base):
    """One object on its way to one destination."""

    __tablename__ = "parcels"
    __table_args__ = (
        UniqueConstraint("destination", "sop_uid", name="uq_parcels_object"),
        Index(None, "destination", "state", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    destination: Mapped[str] = mapped_column(ForeignKey("destinations.name"))
    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), index=True)
    kind: Mapped[str]
    sop_class_uid: Mapped[str]
    sop_uid: Mapped[str] = mapped_column(index=True)
    path: Mapped[str]
    state: Mapped[ParcelState] = mapped_column(one_of(ParcelState, "state"))
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[dt.datetime]
    detail: Mapped[str] = mapped_column(default="")  # why the last try failed
    queued_at: Mapped[dt.datetime]
    acknowledged_at: Mapped[dt.datetime | None]

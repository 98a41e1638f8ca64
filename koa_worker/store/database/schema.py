"""The tables. Patient data lives in `studies`, `headers` (and a file's own name in `files.name`) and nowhere else.

    files ─┬─ events, timings             what happened to a file
           ├─ refusals                    knees that were seen and not graded
           └─ images ─┬─ pictures         what a report draws from
    studies ┘         ├─ knees ── grades ── models
        │             └─ headers          whom each image says it is of, now and before
        ├─ reports
        └─ publications, parcels, result_objects      what was sent where; destinations

    doomed                            what an erasure has begun to remove

A knee is a place in an image. It has one grade for each model release and software version that looked at it, and each
site's scale; the one that counts is marked current, the others are kept.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from koa_worker.store.database.columns import Moment, RowId, SaidByFile, WallTime, one_of
from koa_worker.store.records import ErasureReason, ParcelState, State
from koa_worker.values import Laterality, Side, SpacingSource

REVISION = "0016"  # of the newest migration: a store that says so needs none

# Constraints get names of their own, so that a later migration can drop them on any database.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# The conditions of partial indexes, in words that both databases know.
_CURRENT = text("is_current")
_DUE = text("changes > reported_changes")
_UNREPORTED = text("unreported_since IS NOT NULL")


class PictureKind(StrEnum):
    FRAME = "frame"  # the whole radiograph, small: JPEG
    CROP = "crop"  # one knee as the model saw it: PNG


class DoomedKind(StrEnum):
    FILE = "file"  # by its id, also one that has no row
    STUDY = "study"  # by its key
    PATH = "path"  # of an original, a report or a result object: made of ids, never of names


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: Moment}


def table_of(model: type[Base]) -> Table:
    """The bare table, for statements that go past the object mapper."""
    return cast("Table", model.__table__)


class FileRow(Base):
    """Everything that ever came in, one row for each arrival."""

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
    tries: Mapped[int] = mapped_column(default=0)  # starts that failed since the file came or was put back
    next_try_at: Mapped[dt.datetime | None]  # of a failed file; without one it is parked
    worker: Mapped[str | None]
    software_version: Mapped[str | None]  # that settled it
    arrived_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    settled_at: Mapped[dt.datetime | None]
    filed_as: Mapped[str | None]
    duplicate_of: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    study_key: Mapped[str | None] = mapped_column(ForeignKey("studies.key"), index=True)


class EventRow(Base):
    """What happened to a file and when, never changed afterwards."""

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


class StudyRow(Base):
    """An examination and whom it is of."""

    __tablename__ = "studies"
    __table_args__ = (
        Index("ix_studies_due", "key", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("ix_studies_unreported", "unreported_since", sqlite_where=_UNREPORTED, postgresql_where=_UNREPORTED),
        # The exams of one patient by their day, so that the earlier one is found among millions.
        Index("ix_studies_patient", "patient_id", "patient_issuer", "patient_birth_date", "date"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(SaidByFile, unique=True)
    patient_name: Mapped[str] = mapped_column(SaidByFile)
    patient_id: Mapped[str] = mapped_column(SaidByFile)
    patient_issuer: Mapped[str] = mapped_column(SaidByFile, default="", server_default="")  # who gave the id
    patient_birth_date: Mapped[dt.date | None]
    patient_sex: Mapped[str] = mapped_column(SaidByFile)
    accession: Mapped[str] = mapped_column(SaidByFile)
    description: Mapped[str] = mapped_column(SaidByFile)
    institution: Mapped[str] = mapped_column(SaidByFile)
    date: Mapped[dt.datetime | None] = mapped_column(WallTime)
    changes: Mapped[int] = mapped_column(default=0)  # how often what a report would show became more
    reported_changes: Mapped[int] = mapped_column(default=0)  # how many of them a written report shows
    created_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime | None]  # the last time that `changes` grew
    # Since when a report is owed that nobody has begun; the report waits while more of the study comes.
    unreported_since: Mapped[dt.datetime | None]
    expected_images: Mapped[int | None]  # the largest number that a file of the study gives


class ImageRow(Base):
    """A graded file's frame."""

    __tablename__ = "images"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), index=True)
    sop_uid: Mapped[str] = mapped_column(SaidByFile, index=True)
    series_uid: Mapped[str] = mapped_column(SaidByFile)
    sop_class_uid: Mapped[str] = mapped_column(SaidByFile)
    modality: Mapped[str] = mapped_column(SaidByFile)
    body_part: Mapped[str] = mapped_column(SaidByFile)
    view: Mapped[str] = mapped_column(SaidByFile)
    weight_bearing: Mapped[bool] = mapped_column(default=False, server_default=false())
    laterality: Mapped[Laterality] = mapped_column(one_of(Laterality, "laterality"))
    column_zero_side: Mapped[str]
    format: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    row_mm: Mapped[float | None]
    column_mm: Mapped[float | None]
    spacing_source: Mapped[SpacingSource] = mapped_column(one_of(SpacingSource, "spacing_source"))
    details: Mapped[dict[str, str]] = mapped_column(JSON)
    # The file whose contents count, the last that brought this image; null where that one was erased alone.
    source_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    pixels_digest: Mapped[str] = mapped_column(default="", server_default="")  # empty: not known, as in all three
    shown_digest: Mapped[str] = mapped_column(default="", server_default="")
    header_digest: Mapped[str] = mapped_column(default="", server_default="")
    # Another file with the same SOP UID and other pixels. Indexed, as each row is that others refer to: without, the
    # removal of one row would look through all.
    conflicts_with: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    patient_differs: Mapped[bool]  # this file names another patient than its study
    number: Mapped[int | None]  # in its study, given when a report first shows the image, and never changed
    acquired_at: Mapped[dt.datetime | None] = mapped_column(WallTime)
    content_at: Mapped[dt.datetime | None] = mapped_column(WallTime)
    instance_number: Mapped[int | None]


class HeaderRow(Base):
    """What the header of an image said of its patient and study. That of the image's source counts."""

    __tablename__ = "headers"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)  # the file that brought it
    image_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"), index=True)
    at: Mapped[dt.datetime]
    patient_name: Mapped[str] = mapped_column(SaidByFile)
    patient_id: Mapped[str] = mapped_column(SaidByFile)
    patient_issuer: Mapped[str] = mapped_column(SaidByFile)
    patient_birth_date: Mapped[dt.date | None]
    patient_sex: Mapped[str] = mapped_column(SaidByFile)
    accession: Mapped[str] = mapped_column(SaidByFile)
    description: Mapped[str] = mapped_column(SaidByFile)
    institution: Mapped[str] = mapped_column(SaidByFile)
    date: Mapped[dt.datetime | None] = mapped_column(WallTime)


class KneeRow(Base):
    """A place in an image where a knee was seen."""

    __tablename__ = "knees"
    __table_args__ = (UniqueConstraint("file_id", "position", "x", "y", "width", "height", name="uq_knees_place"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"))
    position: Mapped[int]  # position in the image, from left to right
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    whole_frame: Mapped[bool]
    turned: Mapped[int] = mapped_column(default=0)  # quarters anticlockwise that make the knee stand upright


class RefusalRow(Base):
    """A place in a file's frame where a knee was seen and given no grade by the model that looked last.

    A rejected file has such places too, and no image.
    """

    __tablename__ = "refusals"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # among the refused, from left to right
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    code: Mapped[str]  # an entry of the error catalogue
    detail: Mapped[str]


class ModelRow(Base):
    """A model release that has graded here, by the hash of its manifest."""

    __tablename__ = "models"

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    first_used_at: Mapped[dt.datetime]


class GradeRow(Base):
    """What one model release said of one knee."""

    __tablename__ = "grades"
    __table_args__ = (
        UniqueConstraint("knee_id", "model_digest", "software_version", "site", name="uq_grades_maker"),
        CheckConstraint("kl BETWEEN 0 AND 4", name="kl"),
        # Also keeps NaN out; a sum of rounded floats may be a hair above 1.
        *(CheckConstraint(f"p{kl} BETWEEN 0 AND 1.000001", name=f"p{kl}") for kl in range(5)),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    knee_id: Mapped[int] = mapped_column(ForeignKey("knees.id"))
    model_digest: Mapped[str] = mapped_column(ForeignKey("models.digest"))
    software_version: Mapped[str]
    is_current: Mapped[bool]
    kl: Mapped[int]
    p0: Mapped[float]
    p1: Mapped[float]
    p2: Mapped[float]
    p3: Mapped[float]
    p4: Mapped[float]
    # What the release itself says; empty where there is no site's scale, and p0 to p4 are the release's.
    release_p0: Mapped[float | None]
    release_p1: Mapped[float | None]
    release_p2: Mapped[float | None]
    release_p3: Mapped[float | None]
    release_p4: Mapped[float | None]
    site: Mapped[str] = mapped_column(default="", server_default="")  # digest of the site's scale
    confidence: Mapped[float]
    oa_probability: Mapped[float]
    agreement: Mapped[float]
    strangeness: Mapped[float | None]  # log odds against a knee; empty where it was not judged or not kept
    needs_review: Mapped[bool]  # whether there is a reason, for the worklist's index and for queries by hand
    review_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # as in `review_reasons.py`
    heatmap: Mapped[bytes] = mapped_column(LargeBinary)  # a .npy of a few hundred bytes
    joint_space: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # as in `measured.py`
    graded_at: Mapped[dt.datetime] = mapped_column(index=True)


# Of all that graded a knee, one counts.
Index("uq_grades_current", GradeRow.knee_id, unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT)


class PictureRow(Base):
    """What a report draws from; apart from the other tables, so that those stay small and quick to read."""

    __tablename__ = "pictures"
    __table_args__ = (UniqueConstraint("file_id", "kind", "knee_id", name="uq_pictures_subject"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"))
    knee_id: Mapped[int | None] = mapped_column(ForeignKey("knees.id"), index=True)
    kind: Mapped[PictureKind] = mapped_column(one_of(PictureKind, "kind"))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ReportRow(Base):
    """A revision of a study's report: its number is taken first, the rest is known once it is written."""

    __tablename__ = "reports"

    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    shows_changes: Mapped[int]  # how many of the study's changes it shows at least
    path: Mapped[str | None]
    sha256: Mapped[str | None]
    written_at: Mapped[dt.datetime | None]


class DestinationRow(Base):
    """A PACS that results are sent to, and since when: what was reported before is sent only if somebody asks."""

    __tablename__ = "destinations"

    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[dt.datetime]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # number of failed tries in a row
    next_try_at: Mapped[dt.datetime | None]  # nothing is sent there before
    detail: Mapped[str] = mapped_column(default="", server_default="")  # why the last try failed


class PublicationRow(Base):
    """The last revision of a study's report that was made into objects to be sent."""

    __tablename__ = "publications"

    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), primary_key=True)
    revision: Mapped[int]  # 0: none yet, or it is to be done again
    asked: Mapped[bool]  # by a person: to every destination, however old
    at: Mapped[dt.datetime]


class ResultObjectRow(Base):
    """A result object that was made, and the one that it replaces: a later revision names its predecessor by it."""

    __tablename__ = "result_objects"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), index=True)
    kind: Mapped[str]
    subject: Mapped[str]  # the id of the image's file; of the report empty
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


class DoomedRow(Base):
    """Something that an erasure has begun to remove; it names nobody, and it is gone when the erasure is finished."""

    __tablename__ = "doomed"

    kind: Mapped[DoomedKind] = mapped_column(one_of(DoomedKind, "kind"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[ErasureReason] = mapped_column(one_of(ErasureReason, "reason"))
    at: Mapped[dt.datetime]

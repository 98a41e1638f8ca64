"""Studies, their images, and whom each image says it is of."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import SaidByFile, WallTime, one_of
from koa_worker.store.database.schema.base import Base, partial_index
from koa_worker.values import Laterality, SpacingSource


class StudyRow(Base):
    """An examination and whom it is of."""

    __tablename__ = "studies"
    __table_args__ = (
        partial_index("ix_studies_due", "key", "changes > reported_changes"),
        partial_index("ix_studies_unreported", "unreported_since", "unreported_since IS NOT NULL"),
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


class CorrectionRow(Base):
    """What a person says of an image's sides and pixel size in place of its header, and what the header says.

    Empty where the person says nothing. The columns of `images` have what counts.
    """

    __tablename__ = "corrections"

    file_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"), primary_key=True)
    who: Mapped[str]
    at: Mapped[dt.datetime]
    laterality: Mapped[Laterality | None] = mapped_column(one_of(Laterality, "laterality"))
    column_zero_side: Mapped[str | None]
    row_mm: Mapped[float | None]
    column_mm: Mapped[float | None]
    spacing_source: Mapped[SpacingSource | None] = mapped_column(one_of(SpacingSource, "spacing_source"))
    said_laterality: Mapped[Laterality] = mapped_column(one_of(Laterality, "said_laterality"))
    said_column_zero_side: Mapped[str]
    said_row_mm: Mapped[float | None]
    said_column_mm: Mapped[float | None]
    said_spacing_source: Mapped[SpacingSource] = mapped_column(one_of(SpacingSource, "said_spacing_source"))

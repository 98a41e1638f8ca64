"""Studies, their images, and the patient in each image's header."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import SaidByFile, WallTime, one_of
from koa_worker.store.database.schema.base import Base, partial_index
from koa_worker.values import Laterality, SpacingSource


class StudyRow(Base):
    """An examination and its patient."""

    __tablename__ = "studies"
    __table_args__ = (
        partial_index("ix_studies_due", "key", "changes > reported_changes"),
        partial_index("ix_studies_unreported", "unreported_since", "unreported_since IS NOT NULL"),
        # The exams of one patient by day, so that the earlier exam is found quickly among millions.
        Index("ix_studies_patient", "patient_id", "patient_issuer", "patient_birth_date", "date"),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(SaidByFile, unique=True)
    patient_name: Mapped[str] = mapped_column(SaidByFile)
    patient_id: Mapped[str] = mapped_column(SaidByFile)
    patient_issuer: Mapped[str] = mapped_column(SaidByFile, default="", server_default="")  # the issuer of the id
    patient_birth_date: Mapped[dt.date | None]
    patient_sex: Mapped[str] = mapped_column(SaidByFile)
    accession: Mapped[str] = mapped_column(SaidByFile)
    description: Mapped[str] = mapped_column(SaidByFile)
    institution: Mapped[str] = mapped_column(SaidByFile)
    date: Mapped[dt.datetime | None] = mapped_column(WallTime)
    changes: Mapped[int] = mapped_column(default=0)  # the number of changes that a report would show
    reported_changes: Mapped[int] = mapped_column(default=0)  # the number of changes that a written report shows
    created_at: Mapped[dt.datetime]
    changed_at: Mapped[dt.datetime | None]  # the last time that `changes` grew
    # Since when a report is due and not begun; the report waits while more images of the study arrive.
    unreported_since: Mapped[dt.datetime | None]
    expected_images: Mapped[int | None]  # the largest number of images that a file of the study gives


class ImageRow(Base):
    """The frame of a graded file."""

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
    # The file whose contents count: the last one with this image; null if only that file was erased.
    source_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    pixels_digest: Mapped[str] = mapped_column(default="", server_default="")  # empty if unknown, also below
    shown_digest: Mapped[str] = mapped_column(default="", server_default="")
    header_digest: Mapped[str] = mapped_column(default="", server_default="")
    # Another file with the same SOP UID and other pixels. Indexed, like all columns that refer to a row: else the
    # removal of one row would scan the table.
    conflicts_with: Mapped[str | None] = mapped_column(ForeignKey("files.id"), index=True)
    patient_differs: Mapped[bool]  # this file names another patient than its study
    number: Mapped[int | None]  # in its study, given when a report first shows the image, and never changed
    acquired_at: Mapped[dt.datetime | None] = mapped_column(WallTime)
    content_at: Mapped[dt.datetime | None] = mapped_column(WallTime)
    instance_number: Mapped[int | None]


class HeaderRow(Base):
    """Patient and study in the header of a file with an image. The header of the image's source counts."""

    __tablename__ = "headers"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)  # the file with this header
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
    """A person's correction of an image's sides and pixel size, and the values of the header.

    A value is empty if the person did not change it. The columns of `images` have the values that count.
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

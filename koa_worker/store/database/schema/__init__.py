"""The tables. Patient data are in `studies`, `headers`, the names of `files` and `uploads`, and `worklist_…`.

    files ─┬─ events, timings             the history of a file
           ├─ refusals                    knees that were seen and not graded
           └─ images ─┬─ pictures         the images for a report
    studies ┘         ├─ knees ── grades ── models
        │             ├─ headers          the patient and study in each image's header, now and before
        │             └─ corrections      a person's sides and pixel size that replace those of a header
        ├─ reports
        └─ publications, parcels, result_objects      the objects that were sent; destinations

    worklist_lines, worklist_words    made from the others, for the worklist
    watch_studies, watch_files, watch_changed    made from the others, for the watch over weeks
    users, logins, tokens, throttles, audit, reader_grades, assignments, uploads      of the page
    doomed                            the data that an erasure has begun to remove

A knee is a position in an image. It has one grade for each model release and software version that graded it, and for
each site's scale; the one that counts is marked current, the others are kept.
"""

from koa_worker.store.database.schema.base import Base, table_of
from koa_worker.store.database.schema.erasure import DoomedKind, DoomedRow
from koa_worker.store.database.schema.files import EventRow, FileRow, TimingRow
from koa_worker.store.database.schema.knees import GradeRow, KneeRow, ModelRow, PictureKind, PictureRow, RefusalRow
from koa_worker.store.database.schema.page import (
    AssignmentRow,
    AuditRow,
    LoginRow,
    ReaderGradeRow,
    ThrottleRow,
    TokenRow,
    UploadRow,
    UserRow,
)
from koa_worker.store.database.schema.sending import (
    DestinationRow,
    ParcelRow,
    PublicationRow,
    ReportRow,
    ResultObjectRow,
)
from koa_worker.store.database.schema.studies import CorrectionRow, HeaderRow, ImageRow, StudyRow
from koa_worker.store.database.schema.watched import ChangedDay, FileSums, StudySums
from koa_worker.store.database.schema.worklist import IndexLine, Word

__all__ = [
    "REVISION",
    "AssignmentRow",
    "AuditRow",
    "Base",
    "ChangedDay",
    "CorrectionRow",
    "DestinationRow",
    "DoomedKind",
    "DoomedRow",
    "EventRow",
    "FileRow",
    "FileSums",
    "GradeRow",
    "HeaderRow",
    "ImageRow",
    "IndexLine",
    "KneeRow",
    "LoginRow",
    "ModelRow",
    "ParcelRow",
    "PictureKind",
    "PictureRow",
    "PublicationRow",
    "ReaderGradeRow",
    "RefusalRow",
    "ReportRow",
    "ResultObjectRow",
    "StudyRow",
    "StudySums",
    "ThrottleRow",
    "TimingRow",
    "TokenRow",
    "UploadRow",
    "UserRow",
    "Word",
    "table_of",
]

REVISION = "0022"  # the version of the newest migration: a store with this version needs none

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

from koa_worker.store.database.schema.base import Base, table_of
from koa_worker.store.database.schema.erasure import DoomedKind, DoomedRow
from koa_worker.store.database.schema.files import EventRow, FileRow, TimingRow
from koa_worker.store.database.schema.knees import GradeRow, KneeRow, ModelRow, PictureKind, PictureRow, RefusalRow
from koa_worker.store.database.schema.sending import (
    DestinationRow,
    ParcelRow,
    PublicationRow,
    ReportRow,
    ResultObjectRow,
)
from koa_worker.store.database.schema.studies import HeaderRow, ImageRow, StudyRow

__all__ = [
    "REVISION",
    "Base",
    "DestinationRow",
    "DoomedKind",
    "DoomedRow",
    "EventRow",
    "FileRow",
    "GradeRow",
    "HeaderRow",
    "ImageRow",
    "KneeRow",
    "ModelRow",
    "ParcelRow",
    "PictureKind",
    "PictureRow",
    "PublicationRow",
    "RefusalRow",
    "ReportRow",
    "ResultObjectRow",
    "StudyRow",
    "TimingRow",
    "table_of",
]

REVISION = "0016"  # of the newest migration: a store that says so needs none

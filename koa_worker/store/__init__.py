"""The database of all files: their states, results, reports and history."""

from koa_worker.store.encoding.encoded import EncodedResult, encode
from koa_worker.store.export import GRADING_NAMES, IMAGE_NAMES
from koa_worker.store.page.day_counts import DayCount
from koa_worker.store.page.study_history import GradingRecord, ReportRecord
from koa_worker.store.page.worklist_values import Cursor, Wanted, WorklistCounts, WorklistPage, WorklistRow
from koa_worker.store.records import (
    DeedRecord,
    EventRecord,
    ExportedKnee,
    ExportedRefusal,
    FileRecord,
    FileTicket,
    ImageRecord,
    KneeRecord,
    NewParcel,
    Pace,
    ParcelRecord,
    ParcelState,
    PublicationTicket,
    ReadingRecord,
    RejectedRecord,
    Settled,
    State,
    StatusRecord,
    StudyRecord,
    Taken,
    TokenRecord,
    UploadRecord,
    UserRecord,
)
from koa_worker.store.site_scale import KneeReading, StoredKnee
from koa_worker.store.store import Store
from koa_worker.values import Role

__all__ = [
    "GRADING_NAMES",
    "IMAGE_NAMES",
    "Cursor",
    "DayCount",
    "DeedRecord",
    "EncodedResult",
    "EventRecord",
    "ExportedKnee",
    "ExportedRefusal",
    "FileRecord",
    "FileTicket",
    "GradingRecord",
    "ImageRecord",
    "KneeReading",
    "KneeRecord",
    "NewParcel",
    "Pace",
    "ParcelRecord",
    "ParcelState",
    "PublicationTicket",
    "ReadingRecord",
    "RejectedRecord",
    "ReportRecord",
    "Role",
    "Settled",
    "State",
    "StatusRecord",
    "Store",
    "StoredKnee",
    "StudyRecord",
    "Taken",
    "TokenRecord",
    "UploadRecord",
    "UserRecord",
    "Wanted",
    "WorklistCounts",
    "WorklistPage",
    "WorklistRow",
    "encode",
]

"""The database of all files: their states, results, reports and history."""

from koa_worker.store.encoding.encoded import EncodedResult, encode
from koa_worker.store.export import GRADING_NAMES, IDENTITY_NAMES, IMAGE_NAMES
from koa_worker.store.page.assignments import ReaderProgress
from koa_worker.store.page.day_counts import DayCount
from koa_worker.store.page.study_history import GradingRecord, ReportRecord
from koa_worker.store.page.worklist_values import (
    Assigned,
    Cursor,
    EntryPage,
    Neighbours,
    Read,
    Sort,
    Wanted,
    WorklistCounts,
    WorklistEntry,
    WorklistPage,
    WorklistRow,
)
from koa_worker.store.records.belongings import (
    Belonging,
    Belongings,
    Doomed,
    ErasureReason,
    FoundDelivery,
    FoundFile,
    FoundStudy,
    StudyPlace,
    Whose,
    report_name,
)
from koa_worker.store.records.export import ExportedKnee, ExportedRefusal, ExportedStudyKnee
from koa_worker.store.records.files import EventRecord, FileRecord, FileTicket, Settled, State, Taken, UploadRecord
from koa_worker.store.records.sending import (
    DeliveryRecord,
    NewParcel,
    ParcelRecord,
    ParcelState,
    PublicationTicket,
    ResultObjectRecord,
)
from koa_worker.store.records.status import LastSuccesses, Pace, StatusRecord
from koa_worker.store.records.studies import ImageRecord, KneeRecord, RejectedRecord, StudyRecord, UngradedRecord
from koa_worker.store.records.users import AuditRecord, ExportedReading, ReadingRecord, TokenRecord, UserRecord
from koa_worker.store.site_scale import KneeReading, StoredKnee
from koa_worker.store.store import Store
from koa_worker.values import Role

__all__ = [
    "GRADING_NAMES",
    "IDENTITY_NAMES",
    "IMAGE_NAMES",
    "Assigned",
    "AuditRecord",
    "Belonging",
    "Belongings",
    "Cursor",
    "DayCount",
    "DeliveryRecord",
    "Doomed",
    "EncodedResult",
    "EntryPage",
    "ErasureReason",
    "EventRecord",
    "ExportedKnee",
    "ExportedReading",
    "ExportedRefusal",
    "ExportedStudyKnee",
    "FileRecord",
    "FileTicket",
    "FoundDelivery",
    "FoundFile",
    "FoundStudy",
    "GradingRecord",
    "ImageRecord",
    "KneeReading",
    "KneeRecord",
    "LastSuccesses",
    "Neighbours",
    "NewParcel",
    "Pace",
    "ParcelRecord",
    "ParcelState",
    "PublicationTicket",
    "Read",
    "ReaderProgress",
    "ReadingRecord",
    "RejectedRecord",
    "ReportRecord",
    "ResultObjectRecord",
    "Role",
    "Settled",
    "Sort",
    "State",
    "StatusRecord",
    "Store",
    "StoredKnee",
    "StudyPlace",
    "StudyRecord",
    "Taken",
    "TokenRecord",
    "UngradedRecord",
    "UploadRecord",
    "UserRecord",
    "Wanted",
    "Whose",
    "WorklistCounts",
    "WorklistEntry",
    "WorklistPage",
    "WorklistRow",
    "encode",
    "report_name",
]

"""The values that the store returns: frozen, and without a connection to the database."""

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
from koa_worker.store.records.studies import ImageRecord, KneeRecord, OwedReport, RejectedRecord, StudyRecord
from koa_worker.store.records.users import AuditRecord, ExportedReading, ReadingRecord, TokenRecord, UserRecord

__all__ = [
    "AuditRecord",
    "Belonging",
    "Belongings",
    "DeliveryRecord",
    "Doomed",
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
    "ImageRecord",
    "KneeRecord",
    "LastSuccesses",
    "NewParcel",
    "OwedReport",
    "Pace",
    "ParcelRecord",
    "ParcelState",
    "PublicationTicket",
    "ReadingRecord",
    "RejectedRecord",
    "ResultObjectRecord",
    "Settled",
    "State",
    "StatusRecord",
    "StudyPlace",
    "StudyRecord",
    "Taken",
    "TokenRecord",
    "UploadRecord",
    "UserRecord",
    "Whose",
    "report_name",
]

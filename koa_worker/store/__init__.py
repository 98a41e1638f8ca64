"""The database of all files: their states, results, reports and history.

Here are the values that most processes need; those of the rarer parts are in the modules that make them.
"""

from koa_worker.store.encoding.encoded import EncodedResult, encode
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
from koa_worker.store.records.studies import (
    ImageRecord,
    KneeRecord,
    RejectedRecord,
    StudyRecord,
    UngradedRecord,
    report_name,
)
from koa_worker.store.store import Store
from koa_worker.values import Role

__all__ = [
    "DeliveryRecord",
    "EncodedResult",
    "EventRecord",
    "FileRecord",
    "FileTicket",
    "ImageRecord",
    "KneeRecord",
    "LastSuccesses",
    "NewParcel",
    "Pace",
    "ParcelRecord",
    "ParcelState",
    "PublicationTicket",
    "RejectedRecord",
    "ResultObjectRecord",
    "Role",
    "Settled",
    "State",
    "StatusRecord",
    "Store",
    "StudyRecord",
    "Taken",
    "UngradedRecord",
    "UploadRecord",
    "encode",
    "report_name",
]

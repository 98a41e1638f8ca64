"""Everything that is known of every file: its state, its results, its reports, what happened to it."""

from koa_worker.store.records import (
    EventRecord,
    FailDecision,
    FileRecord,
    FileTicket,
    ImageRecord,
    KneeRecord,
    NewParcel,
    ParcelRecord,
    ParcelState,
    PublicationTicket,
    RejectedRecord,
    Role,
    State,
    StatusRecord,
    StudyRecord,
)
from koa_worker.store.store import Store

__all__ = [
    "EventRecord",
    "FailDecision",
    "FileRecord",
    "FileTicket",
    "ImageRecord",
    "KneeRecord",
    "NewParcel",
    "ParcelRecord",
    "ParcelState",
    "PublicationTicket",
    "RejectedRecord",
    "Role",
    "State",
    "StatusRecord",
    "Store",
    "StudyRecord",
]

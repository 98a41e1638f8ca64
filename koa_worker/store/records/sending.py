"""Result objects on their way to destinations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ParcelState(StrEnum):
    """The state of an object for a destination."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"  # the destination confirmed that it has the object
    REFUSED = "refused"  # the destination refused it too many times: it waits for a person


@dataclass(frozen=True, slots=True)
class NewParcel:
    """An object to be sent to every destination, or to some."""

    kind: str
    sop_class_uid: str
    sop_uid: str
    path: str
    subject: str = ""  # the id of the file that it is about; empty: the whole study
    series_uid: str = ""
    replaces: str | None = None  # SOP Instance UID of the object before it
    destinations: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ResultObjectRecord:
    """A result object that was made before."""

    kind: str
    subject: str
    sop_class_uid: str
    sop_uid: str
    series_uid: str
    replaces: str | None


@dataclass(frozen=True, slots=True)
class ParcelRecord:
    """An object that is sent to one destination."""

    id: int
    destination: str
    study_key: str
    kind: str
    sop_class_uid: str
    sop_uid: str
    path: str
    state: ParcelState
    tries: int
    next_try_at: datetime
    detail: str
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class PublicationTicket:
    """A study whose report is newer than its result objects."""

    study_key: str
    revision: int
    report_path: str
    reported_at: datetime
    destinations: tuple[str, ...]  # destinations of the objects


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """The objects that one destination has received or lacks, and its last answer."""

    destination: str
    waiting: int
    failing: int  # waiting objects that failed at least once
    refused: int
    acknowledged: int
    failures: int  # number of tries in a row without an answer
    answer: str  # the last answer that was not a success; empty if there is none
    next_try_at: datetime | None
    oldest_waiting: datetime | None
    oldest_refused: datetime | None
    last_success: datetime | None

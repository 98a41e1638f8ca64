"""The data of a patient, a study or an accession number, and the items that an erasure removes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from koa_worker.store.records.files import State
from koa_worker.store.records.sending import ParcelState


class ErasureReason(StrEnum):
    """Why something is removed: `forget` leaves no trace even in the unused parts of the database."""

    FORGET = "forget"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True, repr=False)
class Whose:
    """A patient, a study or an accession number to search for. It has no repr, because it names a patient."""

    patient_id: str | None = None
    issuer: str | None = None  # of the patient id; None: any, "": the ids without one
    study: str | None = None  # its UID, or its key in the store
    accession: str | None = None


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file that a search found."""

    id: str
    state: State
    code: str | None
    filed_as: str | None
    retried: bool  # it failed, and will be retried
    study_key: str | None


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """A study and where its report is."""

    key: str
    created_at: datetime
    report: str | None


@dataclass(frozen=True, slots=True)
class Belongings:
    """Everything in the store that a search found."""

    files: tuple[Belonging, ...]
    studies: tuple[StudyPlace, ...]
    touched: tuple[StudyPlace, ...]  # studies that stay, but lose a file or mention an erased exam
    objects: tuple[str, ...]  # paths of result objects that wait to be sent
    sent: int  # result objects that a destination has acknowledged
    readings: int  # grades of readers
    uploads: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """A file, study or object that an erasure has begun to remove."""

    files: frozenset[str]
    studies: frozenset[str]
    paths: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.files or self.studies or self.paths)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the answer of `find`."""

    file: str
    state: State
    code: str | None
    original: str | None


@dataclass(frozen=True, slots=True)
class FoundDelivery:
    """A result object in the answer of `find`."""

    destination: str
    kind: str
    state: ParcelState


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study in the answer of `find`; without a key: files that belong to no study."""

    study: str | None
    report: str | None
    files: tuple[FoundFile, ...]
    deliveries: tuple[FoundDelivery, ...]

"""Users, the audit log, and the grades of readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from koa_worker.values import Role, Side


@dataclass(frozen=True, slots=True)
class UserRecord:
    name: str
    role: Role
    password: str = field(repr=False)  # scheme, parameters, salt and hash
    created_at: datetime
    locked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token that a script sends instead of a password; only its hash is stored."""

    id: int
    purpose: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry of the audit log."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    address: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """A reader's grade of one knee, and the model's grade at that time."""

    id: int
    study_key: str
    file_id: str
    position: int  # position of the knee in the file's image, from left to right
    side: Side
    reader: str
    kl: int
    comment: str = field(repr=False)
    at: datetime
    machine_kl: int
    blind: bool | None  # the reader had not been shown the model's grade; None: unknown


@dataclass(frozen=True, slots=True)
class ExportedReading:
    """A reader's grade for the table of all readings, withdrawn ones included; it names no patient."""

    study_key: str
    study_uid: str
    sop_uid: str
    file_id: str
    position: int
    side: Side
    reader: str
    kl: int
    blind: bool | None
    at: datetime
    withdrawn_at: datetime | None
    model_kl: int  # the model's grade of the knee at that time
    model: str
    site: str  # the digest of the site's own scale that this grade is on; empty: the release's

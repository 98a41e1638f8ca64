"""Files: their states, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The state of a file; the last four are final (failed only when the file is parked)."""

    WAITING = "waiting"
    WORKING = "working"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    DUPLICATE = "duplicate"  # of an image or bytes that were settled before; also a result of our own


@dataclass(frozen=True, slots=True)
class FileTicket:
    """The store's answer for a file that has arrived."""

    id: str
    state: State
    is_duplicate_of: str | None = None
    original_state: State | None = None  # of the file that this one repeats: where its copy belongs too


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One arrival and its progress."""

    id: str
    sha256: str
    size: int
    name: str = field(repr=False)  # may name the patient
    state: State
    code: str | None
    detail: str | None
    starts: int  # how often work on it began; more than `tries` + 1 means that it was cut off
    tries: int  # how often it failed since it came or was put back
    next_try_at: datetime | None
    worker: str | None
    arrived_at: datetime
    started_at: datetime | None
    settled_at: datetime | None
    filed_as: str | None
    duplicate_of: str | None
    study_key: str | None

    @property
    def parked(self) -> bool:
        """Whether the file failed on every try and waits for a person."""
        return self.state is State.FAILED and self.next_try_at is None


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A file that was uploaded on the page, and its state."""

    id: str
    sha256: str
    size: int
    name: str = field(repr=False)  # as the user's machine calls it: may name the patient
    landed_as: str  # in the inbox
    who: str
    at: datetime
    file: FileRecord | None = None  # once it is out of the inbox; of a duplicate the earlier one
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that a worker took, or found finished."""

    record: FileRecord
    original_state: State | None  # of the file that this one repeats
    begun: bool  # it is this worker's to work on


@dataclass(frozen=True, slots=True)
class Settled:
    """The final state of a file, and the report of its study that is due."""

    record: FileRecord
    study_key: str | None
    revision: int | None  # already taken; None: no report is due, or it is put off until more of the study has come


@dataclass(frozen=True, slots=True)
class EventRecord:
    at: datetime
    kind: str
    detail: str

"""Files: their states and their history."""

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
    DUPLICATE = "duplicate"  # the image or the bytes were settled before; also an own result


@dataclass(frozen=True, slots=True)
class FileTicket:
    """The store's answer for a file that has arrived."""

    id: str
    state: State
    is_duplicate_of: str | None = None
    original_state: State | None = None  # final path of the file that this one repeats: its copy belongs there too


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
    starts: int  # number of starts; more than `tries` + 1 means that one was interrupted
    tries: int  # number of failures since it arrived or was put back
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
    name: str = field(repr=False)  # the name on the user's machine: may name the patient
    landed_as: str  # in the inbox
    who: str
    at: datetime
    file: FileRecord | None = None  # after it has left the inbox; for a duplicate the earlier file
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that a worker took, or that was settled already."""

    record: FileRecord
    original_state: State | None  # of the file that this one repeats
    begun: bool  # this worker has to work on it


@dataclass(frozen=True, slots=True)
class Settled:
    """The final state of a file, and the report of its study that is due."""

    record: FileRecord
    study_key: str | None
    revision: int | None  # number already taken; None: no report is due, or it waits for more images


@dataclass(frozen=True, slots=True)
class EventRecord:
    at: datetime
    kind: str
    detail: str

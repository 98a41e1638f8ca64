"""The messages between the process that gives out jobs and its worker processes. None of them names a patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from koa_worker.intake import Claim

if TYPE_CHECKING:  # the daemon starts its worker processes before it loads the store's modules
    from koa_worker.store import State


@dataclass(frozen=True, slots=True)
class WriteReport:
    """The job to write the report of a study: it is missing or outdated."""

    study_key: str

    @property
    def id(self) -> str:
        return self.study_key


@dataclass(frozen=True, slots=True)
class Regrade:
    """The job to grade an archived file with the present model."""

    file_id: str

    @property
    def id(self) -> str:
        return self.file_id


@dataclass(frozen=True, slots=True)
class Examine:
    """The job to grade a file of an archive in place; nothing is moved, and the parent stores the result."""

    id: str
    number: int  # in the archive's ledger
    place: str = field(repr=False)  # a path or a URL, which may name a patient
    size: int
    keep: bool  # whether to return the part for the store too
    data: bytes | None = field(default=None, repr=False)  # the bytes of a file that only the parent can read


Job = Claim | WriteReport | Regrade  # the jobs of the daemon's worker processes
AnyJob = Job | Examine


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker process has its model and its store."""

    model: str
    digest: str


@dataclass(frozen=True, slots=True)
class CannotStart:
    """The worker process cannot start; the message gives the reason."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Grading:
    """Starts and stops the time limit of a file; outside grading a job may wait for disk and database."""

    on: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The job is over: its file is settled, or it failed and is retried later."""

    job: Job
    state: State | None  # of the file; None if there is none
    code: str | None = None
    spent_ms: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """The outcome of a file of an archive."""

    job: Examine
    finding: Any = field(repr=False)  # a batch.entries.Finding, which this layer may not import


@dataclass(frozen=True, slots=True)
class Postponed:
    """Disk or database were unavailable: the same job has to be given again later."""

    job: Job


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker process died during the job."""

    job: AnyJob
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotBegun:
    """The worker process that had this job in advance died during another one."""

    job: AnyJob


WorkerMessage = Ready | CannotStart | Grading | Done | Postponed | Examined
Event = Done | Postponed | Examined | WorkerDied | NotBegun

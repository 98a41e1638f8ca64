"""The state of the work: counts, speed, and the last success of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from koa_worker.store.records.files import State


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of the queue."""

    per_minute: float  # files settled, over the last ten minutes
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """The counts for the status screen of the administrator."""

    counts: Mapping[State, int]  # every state, also those with none
    parked: int  # failed files that wait for a person
    done_today: int  # completed since local midnight
    rejected_by_code: Mapping[str, int]
    failed_by_code: Mapping[str, int]
    oldest_waiting: datetime | None
    per_minute: float  # files settled, over the last ten minutes
    conflicts: int  # graded files whose SOP Instance UID had arrived before with other content
    reports: int
    studies_waiting: int  # studies whose report waits for more images
    model: str | None  # release that graded last
    model_digest: str | None


@dataclass(frozen=True, slots=True)
class LastSuccesses:
    """The time of the last success of each step; None: never."""

    arrived: datetime | None
    graded: datetime | None
    reported: datetime | None

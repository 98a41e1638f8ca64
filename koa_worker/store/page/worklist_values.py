"""The filters and the results of the worklist as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from koa_worker.store.records.files import State
from koa_worker.values import ReviewReason, Side


class Read(StrEnum):
    """The filter by readers: which knees a page shows, by who has graded them."""

    UNREAD = "unread"  # not graded by the reader
    NOBODY = "nobody"  # graded by nobody
    DONE = "done"  # graded by the reader


class Sort(StrEnum):
    """The columns that the list can be sorted by; `worklist_order` has the direction of each."""

    ARRIVED = "arrived"
    PATIENT = "patient"
    EXAMINED = "examined"
    RIGHT = "right"
    LEFT = "left"
    READ = "read"
    REVIEW = "review"


class Assigned(StrEnum):
    """The filter by assignment: which studies a page shows, by the reader to whom they are assigned."""

    READER = "reader"  # to the reader in `Wanted.assignee`
    NOBODY = "nobody"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the worklist; an empty filter passes everything."""

    states: frozenset[State] = frozenset()
    grades: frozenset[int] = frozenset()
    sides: frozenset[Side] = frozenset()
    review: bool | None = None
    since: datetime | None = None  # earliest time of arrival
    until: datetime | None = None  # the arrival is before this time
    text: str = field(default="", repr=False)  # may name a patient
    sort: Sort = Sort.ARRIVED
    backwards: bool = False  # the reverse order; lines without a sort value stay last
    read: Read | None = None
    reader: str = ""  # the reader for `read`
    assigned: Assigned | None = None
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last line of a page: the next page begins after it.

    Its text is a part of URLs, so that it does not contain the sort value, which may name a patient.
    """

    needs_review: bool
    at: datetime
    id: int
    value: Any = field(default=None, repr=False)  # the sort value

    def __str__(self) -> str:
        return f"{int(self.needs_review)}.{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError on anything that is not a cursor."""
        review, microseconds, number = (int(part) for part in text.split("."))
        if review not in {0, 1} or not 0 <= microseconds < 10**17 or not 0 <= number < 2**63:
            raise ValueError("not a cursor")
        return cls(bool(review), _EPOCH + timedelta(microseconds=microseconds), number)


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """A graded knee, or a file without one. Patient data is empty for roles that may not see it."""

    file_id: str
    study_key: str | None
    state: State
    code: str | None
    arrived_at: datetime
    settled_at: datetime | None
    duplicate_of: str | None
    file_name: str = field(repr=False)
    patient_name: str = field(repr=False)
    patient_id: str = field(repr=False)
    description: str = field(repr=False)
    study_date: datetime | None = field(repr=False)
    view: str
    side: Side
    kl: int | None
    confidence: float | None
    oa_probability: float | None
    review_reasons: tuple[ReviewReason, ...]
    graded: int  # graded knees of the study
    refused: int  # knees or legs in its images without a grade
    images: int = 1  # images of this knee in its study; the line is of the image whose grade stands
    lowest_kl: int | None = None  # lowest and highest grade among these images
    highest_kl: int | None = None

    @property
    def needs_review(self) -> bool:
        return bool(self.review_reasons)


@dataclass(frozen=True, slots=True)
class WorklistPage:
    rows: tuple[WorklistRow, ...]
    next: Cursor | None
    too_many: bool  # the words match more files than were searched


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """A study with all its graded knees, the right one first; or a file without any."""

    place: Cursor
    rows: tuple[WorklistRow, ...]
    readers: Mapping[str, int]  # number of knees that each reader has graded
    assigned: tuple[str, ...] = ()  # readers to whom it is assigned

    @property
    def is_study(self) -> bool:
        return self.rows[0].kl is not None

    @property
    def knees_seen(self) -> int:
        """The number of knees with a grade or refused."""
        return self.rows[0].graded + self.rows[0].refused


@dataclass(frozen=True, slots=True)
class EntryPage:
    entries: tuple[WorklistEntry, ...]
    next: Cursor | None
    too_many: bool  # the words match more files than were searched


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The studies before and after one in the list, by their keys."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class WorklistCounts:
    """Exact numbers: of files, or of knees where a comment says so."""

    by_state: Mapping[State, int]
    parked: int
    done_today: int
    review: int  # knees
    to_review: int  # of these, the knees that nobody has graded

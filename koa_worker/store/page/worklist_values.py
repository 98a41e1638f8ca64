"""What the worklist is asked and what it answers: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from koa_worker.store.records.files import State
from koa_worker.values import ReviewReason, Side


class Read(StrEnum):
    """Which knees a page shows, by who has graded them."""

    UNREAD = "unread"  # those that the reader has not
    NOBODY = "nobody"  # those that nobody has
    DONE = "done"  # those that the reader has


class Sort(StrEnum):
    """The columns of the list; what each begins with is in `worklist_order`."""

    ARRIVED = "arrived"
    PATIENT = "patient"
    EXAMINED = "examined"
    RIGHT = "right"
    LEFT = "left"
    READ = "read"
    REVIEW = "review"


class Assigned(StrEnum):
    """Which studies a page shows, by whom they are assigned to."""

    READER = "reader"  # to the one that `Wanted.assignee` names
    NOBODY = "nobody"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the worklist; an empty filter lets everything through."""

    states: frozenset[State] = frozenset()
    grades: frozenset[int] = frozenset()
    sides: frozenset[Side] = frozenset()
    review: bool | None = None
    since: datetime | None = None  # of arrival
    until: datetime | None = None  # and no later than just before
    text: str = field(default="", repr=False)  # may name a patient
    sort: Sort = Sort.ARRIVED
    backwards: bool = False  # begins with what usually comes last; what has nothing to be sorted by stays last
    read: Read | None = None
    reader: str = ""  # whom `read` speaks of
    assigned: Assigned | None = None
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last line of a page: the next one begins behind it.

    As text it goes into an address, so it has nothing in it of what the list is sorted by: that may name a patient.
    """

    needs_review: bool
    at: datetime
    id: int
    value: Any = field(default=None, repr=False)  # what the list is sorted by

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
    graded: int  # knees of the study that have a grade
    refused: int  # knees or legs that were seen in its images and have none
    images: int = 1  # of this knee in its study; the line is the one whose grade stands
    lowest_kl: int | None = None  # among these images
    highest_kl: int | None = None

    @property
    def needs_review(self) -> bool:
        return bool(self.review_reasons)


@dataclass(frozen=True, slots=True)
class WorklistPage:
    rows: tuple[WorklistRow, ...]
    next: Cursor | None
    too_many: bool  # the words fit more files than are looked at


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """A study with all its graded knees, the right one first; or a file without any."""

    place: Cursor
    rows: tuple[WorklistRow, ...]
    readers: Mapping[str, int]  # how many of the knees each reader has graded
    assigned: tuple[str, ...] = ()  # who shall read it

    @property
    def is_study(self) -> bool:
        return self.rows[0].kl is not None

    @property
    def knees_seen(self) -> int:
        """Knees that have a grade or were refused one."""
        return self.rows[0].graded + self.rows[0].refused


@dataclass(frozen=True, slots=True)
class EntryPage:
    entries: tuple[WorklistEntry, ...]
    next: Cursor | None
    too_many: bool  # the words fit more files than are looked at


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The studies around one in the list, by their keys."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class WorklistCounts:
    """Exact numbers, of files where nothing else is said."""

    by_state: Mapping[State, int]
    parked: int
    done_today: int
    review: int  # knees
    to_review: int  # of these, those that nobody has graded
